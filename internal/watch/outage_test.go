package watch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestOutageIsToldAsPeopleWantIt feeds a probe a second, a dot for each that was
// answered and an x for each that was lost, and reads what is told when.
func TestOutageIsToldAsPeopleWantIt(t *testing.T) {
	outage := "xxxxx....."
	tests := []struct {
		name   string
		probes string
		want   []string
	}{
		{"answered", "....", []string{"0s up"}},
		{"lost from the beginning", "xxxxxx", []string{"2s down"}},
		{"not known at first", "xx..", []string{"2s up"}},
		{"some are lost", "..x..xx.x.xx..", []string{"0s up"}},
		{"down", "..xxxxx", []string{"0s up", "4s down"}},
		{"down, and up after 5 s", "..xxxxx..", []string{"0s up", "4s down", "7s up after 5s"}},
		{"down from the beginning, and up after 4 s", "xxxx.", []string{"2s down", "4s up after 4s"}},
		{"one answer ends it", "..xxx.xxx", []string{"0s up", "4s down", "5s up after 3s", "8s down"}},
		{"down and up three times", "." + strings.Repeat(outage, 3), []string{"0s up",
			"3s down", "6s up after 5s", "13s down", "16s up after 5s", "23s down", "26s flaps"}},
		{"flaps, and no more is told", "." + strings.Repeat(outage, 9), []string{"0s up",
			"3s down", "6s up after 5s", "13s down", "16s up after 5s", "23s down", "26s flaps"}},
		{"flaps, and rests when it is up", "." + strings.Repeat(outage, 5) + strings.Repeat(".", 300), []string{"0s up",
			"3s down", "6s up after 5s", "13s down", "16s up after 5s", "23s down", "26s flaps", "346s rests up, 4 changes"}},
		{"flaps, and rests when it is down", "." + strings.Repeat(outage, 3) + strings.Repeat("x", 400), []string{"0s up",
			"3s down", "6s up after 5s", "13s down", "16s up after 5s", "23s down", "26s flaps", "333s rests down, 1 changes"}},
		{"rests, and is down again", "." + strings.Repeat(outage, 3) + strings.Repeat(".", 400) + "xxx", []string{"0s up",
			"3s down", "6s up after 5s", "13s down", "16s up after 5s", "23s down", "26s flaps", "326s rests up, 0 changes", "433s down"}},
		{"three outages in an hour", "." + strings.Repeat(outage+strings.Repeat(".", 1190), 3), []string{"0s up",
			"3s down", "6s up after 5s", "1203s down", "1206s up after 5s", "2403s down", "2406s up after 5s"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var o outageOf
			if diff := cmp.Diff(tt.want, o.probes(tt.probes)); diff != "" {
				t.Errorf("told (-want +got)\n%s", diff)
			}
		})
	}
}

// outageOf is one that is fed by words.
type outageOf struct{ outage }

func (o *outageOf) probes(all string) (told []string) {
	began := time.Unix(1e9, 0)
	for i, probe := range all {
		at := began.Add(time.Duration(i) * time.Second)
		news := o.probe(probe == '.', at)
		words := fmt.Sprintf("%ds %s", i, news)
		switch {
		case news == nothing:
			continue
		case news == isUp && o.length > 0:
			words += fmt.Sprintf(" after %v", o.length)
		case news == rests:
			words += fmt.Sprintf(" %s, %d changes", map[bool]string{true: "up", false: "down"}[o.up], o.quiet)
		}
		told = append(told, words)
	}
	return told
}
