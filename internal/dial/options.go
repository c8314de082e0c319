package dial

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"echod/internal/usage"
)

// Socket is the options that a socket gets before it connects. The zero value leaves all
// of them to the kernel. They have no effect for unix sockets and with Target.Via.
type Socket struct {
	// Interface is the network interface through which all packets must go: SO_BINDTODEVICE
	// (socket(7)). Linux only.
	Interface string `json:"interface,omitempty"`
	// TOS is the second byte of an IPv4 header, or the traffic class of IPv6: the DSCP is
	// its upper 6 bits (RFC 2474, section 3). The lower 2 bits are ECN (RFC 3168): on a
	// TCP socket, Linux keeps its own. Not on Windows.
	TOS uint8 `json:"tos,omitempty"`
	// Discovery says what happens to packets that are longer than the MTU of the path.
	// Linux only.
	Discovery Discovery `json:"pmtudisc,omitempty"`
}

// Discovery is a mode of path MTU discovery: IP_MTU_DISCOVER (ip(7)), IPV6_MTU_DISCOVER
// (ipv6(7)). With "" it is the default of the system.
type Discovery string

const (
	DiscoverDo    Discovery = "do"    // set DF and never fragment; refuse longer datagrams
	DiscoverWant  Discovery = "want"  // set DF, and fragment what is longer than the known MTU
	DiscoverDont  Discovery = "dont"  // do not set DF
	DiscoverProbe Discovery = "probe" // set DF, and ignore the known MTU of the path
)

// Discoveries are the modes that users can choose.
var Discoveries = []Discovery{DiscoverDo, DiscoverWant, DiscoverDont}

// Check reports whether the system has the options of s for sockets of network. The error
// is a *usage.Error, or that of the system if it does not permit the interface.
func (s Socket) Check(network string) error {
	for _, option := range []struct {
		flag           string
		set, supported bool
	}{
		{"--interface", s.Interface != "", hasInterface},
		{"--tos", s.TOS != 0, hasTOS},
		{"--pmtudisc", s.Discovery != "", HasDiscovery},
	} {
		switch {
		case !option.set:
		case network == "unix":
			return usage.New(option.flag+" has no effect for a unix socket", "omit it")
		case !option.supported:
			return usage.New(option.flag+" is not supported on "+runtime.GOOS, "omit it")
		}
	}
	if s.Interface == "" {
		return nil
	}
	if _, err := net.InterfaceByName(s.Interface); err != nil {
		return usage.New(fmt.Sprintf("--interface: no interface %q", s.Interface), "want an IP address, or one of "+strings.Join(interfaces(), ", "))
	}
	if err := tryInterface(s.Interface); err != nil {
		return fmt.Errorf("--interface %s: %w", s.Interface, err)
	}
	return nil
}

// interfaces returns the names of the interfaces of this machine.
func interfaces() (names []string) {
	all, _ := net.Interfaces() // on an error there are none
	for _, one := range all {
		names = append(names, one.Name)
	}
	return names
}

// ParseTOS reads the value of a TOS byte, decimal or as 0xb8, or the name of a DSCP. As
// with ping(8), a number is the whole byte: DSCP 46 (ef) is 184.
func ParseTOS(text string) (uint8, error) {
	if dscp, ok := codePoints[strings.ToLower(text)]; ok {
		return dscp << 2, nil
	}
	n, err := strconv.ParseUint(text, 0, 8)
	if err != nil {
		return 0, errors.New("want the TOS byte, 0 to 255 or 0x00 to 0xff, or the name of a DSCP, e.g. ef, af41 or cs1")
	}
	return uint8(n), nil
}

// codePoints are the code points that have names: class selectors (RFC 2474), assured
// forwarding (RFC 2597), expedited forwarding (RFC 3246), voice-admit (RFC 5865) and lower
// effort (RFC 8622).
var codePoints = map[string]uint8{
	"cs0": 0, "cs1": 8, "cs2": 16, "cs3": 24, "cs4": 32, "cs5": 40, "cs6": 48, "cs7": 56,
	"af11": 10, "af12": 12, "af13": 14, "af21": 18, "af22": 20, "af23": 22,
	"af31": 26, "af32": 28, "af33": 30, "af41": 34, "af42": 36, "af43": 38,
	"ef": 46, "va": 44, "le": 1,
}

// DSCPs returns the names that [ParseTOS] knows, in order.
func DSCPs() []string { return slices.Sorted(maps.Keys(codePoints)) }

// TOSText is the name of the DSCP of a TOS byte, or the byte as a number, or "" for 0, the
// default.
func TOSText(tos uint8) string {
	if tos == 0 {
		return ""
	}
	for name, dscp := range codePoints {
		if dscp<<2 == tos {
			return name
		}
	}
	return strconv.Itoa(int(tos))
}
