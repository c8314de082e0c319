package check

import (
	"testing"
	"time"
)

func TestEarliestEndTellsATimeoutFromASilentDrop(t *testing.T) {
	const ms, step = time.Millisecond, 100 * time.Millisecond
	tests := []struct {
		name   string
		all    []silence // planned for 100 ms, 200 ms, 300 ms and 400 ms
		want   silence
		before time.Duration
	}{
		{"all survived", []silence{{survived, 100 * ms}, {survived, 200 * ms}, {survived, 300 * ms}, {survived, 400 * ms}},
			silence{survived, 400 * ms}, 300 * ms},
		{"a reset", []silence{{survived, 100 * ms}, {survived, 200 * ms}, {aborted, 250 * ms}, {aborted, 250 * ms}},
			silence{aborted, 250 * ms}, 200 * ms},
		{"a reset, and one sends at its moment", []silence{{survived, 100 * ms}, {lateReset, 200 * ms}, {aborted, 201 * ms}, {aborted, 201 * ms}},
			silence{aborted, 201 * ms}, 100 * ms},
		{"a reset, and two send late", []silence{{survived, 100 * ms}, {lateReset, 310 * ms}, {lateReset, 310 * ms}, {aborted, 315 * ms}},
			silence{aborted, 315 * ms}, 100 * ms},
		{"a FIN, and two send late", []silence{{survived, 100 * ms}, {lateReset, 310 * ms}, {lateReset, 310 * ms}, {finished, 300 * ms}},
			silence{finished, 300 * ms}, 100 * ms},
		{"a silent drop, and a reset long after it", []silence{{lateReset, 100 * ms}, {lateReset, 200 * ms}, {lateReset, 300 * ms}, {aborted, 400 * ms}},
			silence{lateReset, 100 * ms}, 0},
		{"a silent drop", []silence{{survived, 100 * ms}, {lateReset, 200 * ms}, {lateReset, 300 * ms}, {lateReset, 400 * ms}},
			silence{lateReset, 200 * ms}, 100 * ms},
		{"a silent loss", []silence{{survived, 100 * ms}, {lost, 200 * ms}, {aborted, 201 * ms}, {aborted, 201 * ms}},
			silence{lost, 200 * ms}, 100 * ms},
	}
	for _, tt := range tests {
		got, before := earliestEnd(tt.all, 0, step)
		if got != tt.want || before != tt.before {
			t.Errorf("%s: got %v and %v before it, want %v and %v", tt.name, got, before, tt.want, tt.before)
		}
	}
}
