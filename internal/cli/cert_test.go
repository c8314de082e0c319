package cli

import (
	"strings"
	"testing"
)

func TestCertNameAcceptsHostNamesAndAddresses(t *testing.T) {
	tests := []struct {
		name string
		want bool
	}{
		{"localhost", true}, {"echo.example", true}, {"*.echo.example", true}, {"xn--bcher-kva.example", true},
		{"_echo.svc.cluster.local", true}, {"7.example", true}, {"192.0.2.7", true}, {"2001:db8::7", true},
		{strings.Repeat("a", 63) + ".example", true},
		{"", false}, {".", false}, {"*", false}, {"*.", false}, {"a..b", false}, {"a.*.b", false}, {"-a", false},
		{"a-", false}, {"a b", false}, {"a:1", false}, {"[::1]", false}, {"fe80::1%eth0", false}, {"1.2.3", false},
		{"bücher.example", false}, {strings.Repeat("a", 64) + ".example", false},
		{strings.Repeat("a.", 127) + "a", false},
	}
	for _, tt := range tests {
		err := certName(tt.name)
		if got := err == nil; got != tt.want {
			t.Errorf("%q: accepted %v (%v), want %v", tt.name, got, err, tt.want)
		}
		if err != nil && codeOf(err) != Usage {
			t.Errorf("%q: exit %d, want %d", tt.name, codeOf(err), Usage)
		}
	}
}
