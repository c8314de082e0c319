package report_test

import (
	"strings"
	"testing"

	"echod/internal/ping"
	"echod/internal/report"
)

func TestMTUSaysWhatTheLimitIs(t *testing.T) {
	of := func(limit ping.SizeFate) ping.MTU {
		return ping.MTU{Payload: 1372, Headers: 28, Limit: limit, KernelBefore: 1500, Kernel: 1500, Sent: 4, Lost: 1}
	}
	learned := of(ping.SizeICMP)
	learned.Kernel = 1400
	for _, tt := range []struct {
		of   ping.MTU
		want []string
	}{
		{of(ping.SizeSilent), []string{"1372 bytes, a packet of 1400 bytes", "a black hole: 1373 bytes", "path MTU of 1500 bytes, as before", "1 of 4"}},
		{learned, []string{"a router reports that 1373 bytes", "has learned a path MTU of 1400 bytes by ICMP; before, 1500"}},
		{of(ping.SizeLocal), []string{"the interface of this machine does not send 1373 bytes"}},
		{of(ping.SizeMaximum), []string{"UDP has no longer datagrams"}},
		{of(""), []string{"the search did not end"}},
	} {
		var b strings.Builder
		report.WriteMTU(&b, tt.of)
		for _, want := range tt.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("limit %q: got\n%s\nwant %q in it", tt.of.Limit, b.String(), want)
			}
		}
	}
}
