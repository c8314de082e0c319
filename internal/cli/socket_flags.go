package cli

import (
	"net/netip"

	"github.com/spf13/pflag"

	"echod/internal/dial"
	"echod/internal/usage"
)

// socketFlags are -I, -Q and -M: the options of the sockets of a verb, as in ping(8).
type socketFlags struct {
	from   interfaceOrAddr
	socket dial.Socket // its Interface is in from
}

// interfaceOrAddr is the value of -I: an interface, or an address of this machine.
type interfaceOrAddr struct {
	name string
	addr netip.Addr
}

func (f *socketFlags) register(flags *pflag.FlagSet) {
	flags.VarP(&value[interfaceOrAddr]{p: &f.from, kind: "name", parse: parseInterface, text: interfaceOrAddr.String},
		"interface", "I", "send through this interface, or from this address")
	flags.VarP(&value[uint8]{&f.socket.TOS, "number", dial.ParseTOS, dial.TOSText, dial.DSCPs()}, "tos", "Q", "the TOS byte, or the name of a DSCP")
	var words []string
	for _, mode := range dial.Discoveries {
		words = append(words, string(mode))
	}
	mode := (*string)(&f.socket.Discovery)
	flags.VarP(choice(mode, words), "pmtudisc", "M", "path MTU discovery: "+orList(words))
}

func parseInterface(text string) (interfaceOrAddr, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return interfaceOrAddr{addr: addr}, nil
	}
	return interfaceOrAddr{name: text}, nil
}

func (v interfaceOrAddr) String() string {
	if v.addr.IsValid() {
		return v.addr.String()
	}
	return v.name
}

// options returns the options of sockets, for services on networks, and their source: that of
// -I or of --source, which is source.
func (f *socketFlags) options(source netip.Addr, networks ...string) (dial.Socket, netip.Addr, error) {
	socket := f.socket
	socket.Interface = f.from.name
	for _, network := range networks {
		if err := socket.Check(network); err != nil {
			return socket, source, err
		}
	}
	if !f.from.addr.IsValid() {
		return socket, source, nil
	}
	if source.IsValid() {
		return socket, source, usage.New("--source and an address in --interface exclude each other", "omit one of them")
	}
	return socket, f.from.addr, nil
}
