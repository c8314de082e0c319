package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"echod/echotest"
	"echod/internal/endpoint"
	"echod/internal/sock"
)

func TestUnknownVariableIsAnErrorThatNamesTheNearest(t *testing.T) {
	tests := []struct{ line, want string }{
		{"ECHOD_ENGINE=net", ""},
		{"ECHOD_ENGIN=net", "ECHOD_ENGIN: unknown variable: did you mean ECHOD_ENGINE?"},
		{"ECHOD_BANANAS=1", "ECHOD_BANANAS: unknown variable: want the name of a flag, e.g. ECHOD_TIMEOUT for --timeout"},
		{"ECHOD_BANANAS=", ""},
		{"ECHOD=1", ""},
		{"MY_ECHOD_ENGIN=net", ""},
		{"ECHOD_TEST_ANYTHING=1", ""},
		// What Kubernetes sets for services named echod and echod-agent.
		{"ECHOD_SERVICE_HOST=10.0.0.1", ""},
		{"ECHOD_SERVICE_PORT=7", ""},
		{"ECHOD_SERVICE_PORT_ECHO=7", ""},
		{"ECHOD_PORT=tcp://10.0.0.1:7", ""},
		{"ECHOD_PORT_7_TCP=tcp://10.0.0.1:7", ""},
		{"ECHOD_PORT_7_UDP_ADDR=10.0.0.1", ""},
		{"ECHOD_AGENT_SERVICE_HOST=10.0.0.1", ""},
		{"ECHOD_AGENT_PORT_7008_TCP_PROTO=tcp", ""},
	}
	for _, tt := range tests {
		if got := message(unknownVariable(testRoot(), []string{"HOME=/", tt.line})); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.line, got, tt.want)
		}
	}
}

// TestVariablesOfTestsAreKnown, so that a test which starts echod does not fail where
// they are set.
func TestVariablesOfTestsAreKnown(t *testing.T) {
	read := regexp.MustCompile(`(?:Getenv|LookupEnv|Setenv)\("(ECHOD_\w+)"`)
	seen := 0
	err := filepath.WalkDir("../..", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range read.FindAllStringSubmatch(string(text), -1) {
			seen++
			if err := unknownVariable(testRoot(), []string{match[1] + "=1"}); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
		return err
	})
	if err != nil || seen == 0 {
		t.Errorf("found %d variables, %v", seen, err)
	}
}

func TestHelpListsTheVariablesOfEachVerb(t *testing.T) {
	for _, cmd := range verbsOf(testRoot()) {
		if cmd.PreRunE == nil {
			continue
		}
		help := helpFor(cmd)
		for _, name := range flagNames(cmd) {
			if want := variable(strings.TrimPrefix(name, "--")); name != "--help" && !regexp.MustCompile(want+`[,.]`).MatchString(help) {
				t.Errorf("help of %s does not list %s", cmd.Name(), want)
			}
		}
	}
}

func TestFamilyFlagsLimitNamesAndRefuseAddressesOfTheOtherFamily(t *testing.T) {
	tests := []struct {
		flags     familyFlags
		addresses []string
		network   string
		err       string
	}{
		{familyFlags{}, []string{"[::1]:7", "127.0.0.1:7"}, "ip", ""},
		{familyFlags{v4: true}, []string{"127.0.0.1:7", "echo.example:7", "/run/echo", ""}, "ip4", ""},
		{familyFlags{v6: true}, []string{"[::1]:7", "[fe80::1%eth0]:7", "echo.example:7"}, "ip6", ""},
		{familyFlags{v4: true}, []string{"[::1]:7"}, "", "-4: ::1 is of the other address family: omit -4"},
		{familyFlags{v6: true}, []string{"127.0.0.1:7"}, "", "-6: 127.0.0.1 is of the other address family: omit -6"},
		{familyFlags{v4: true, v6: true}, nil, "", "-4 and -6 exclude each other: omit one of them"},
	}
	for _, tt := range tests {
		ctx, err := tt.flags.apply(t.Context(), tt.addresses...)
		if message(err) != tt.err || err == nil && endpoint.Network(ctx) != tt.network {
			t.Errorf("%+v %q: got %s, %q; want %s, %q", tt.flags, tt.addresses, endpoint.Network(ctx), message(err), tt.network, tt.err)
		}
	}
}

// TestFamilyFlagsChooseTheAddressOfAName: the echo is on IPv4 only.
func TestFamilyFlagsChooseTheAddressOfAName(t *testing.T) {
	server := echotest.NewServer(t)
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL(), "tcp://"), ":")
	url := "localhost:" + port
	for _, verb := range [][]string{
		{"ping", "-c", "1", "-W", "20"}, {"check", "--rule", "stream/first-byte"}, {"bench", "-n", "1", "-c", "1"},
	} {
		for flag, want := range map[string]Code{"-4": OK, "-6": Unknown} {
			code, _, complaint := runEchod(t, append(slices.Clone(verb), flag, url)...)
			if code != want {
				t.Errorf("%s %s: exit %d, want %d: %s", verb[0], flag, code, want, complaint)
			}
		}
	}
}

func TestListenersWithoutAHostAreOfTheChosenFamily(t *testing.T) {
	for _, tt := range []struct {
		flags familyFlags
		url   string
		want  string
	}{
		{familyFlags{}, "tcp://:7", "tcp://:7"},
		{familyFlags{v4: true}, "tcp://:7", "tcp://0.0.0.0:7"},
		{familyFlags{v6: true}, "udp://:7", "udp://[::]:7"},
		{familyFlags{v4: true}, "unix:///run/echo", "unix:///run/echo"},
		{familyFlags{v4: true}, "tcp://localhost:7", "tcp://localhost:7"},
	} {
		specs := append(specs(t, tt.url), specs(t, "tcp://echo.example:7")...)
		if _, err := tt.flags.applyToListeners(t.Context(), specs); err != nil || specs[0].String() != tt.want {
			t.Errorf("%+v %s: got %s, %v; want %s", tt.flags, tt.url, specs[0], err, tt.want)
		}
	}
	if _, err := (&familyFlags{v4: true}).applyToListeners(t.Context(), specs(t, "tcp://[::1]:7")); err == nil {
		t.Error("-4 with an IPv6 address: got no error")
	}
}

// TestQuietPrintsTheResultOnly: one line of check, the summary of ping.
func TestQuietPrintsTheResultOnly(t *testing.T) {
	url := echotest.NewServer(t).URL()
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"check", "-q", "--rule", "stream/first-byte", url}, `^honest: .*\n$`},
		{[]string{"ping", "-q", "-c", "2", "-i", "0.001", "-W", "20", url}, `^ping .*\n\n2 sent, 2 received`},
	}
	for _, tt := range tests {
		code, got, complaint := runEchod(t, tt.args...)
		if code != OK || !regexp.MustCompile(tt.want).MatchString(got) || strings.Contains(got, "seq=") {
			t.Errorf("%v: exit %d, %s, got\n%swant %s", tt.args, code, complaint, got, tt.want)
		}
	}
}

// specs are one listener.
func specs(t *testing.T, url string) []sock.Spec {
	t.Helper()
	spec, err := sock.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	return []sock.Spec{spec}
}
