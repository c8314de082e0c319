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
		{"all survived", []silence{{survived, 100 * ms, nil}, {survived, 200 * ms, nil}, {survived, 300 * ms, nil}, {survived, 400 * ms, nil}},
			silence{survived, 400 * ms, nil}, 300 * ms},
		{"a reset", []silence{{survived, 100 * ms, nil}, {survived, 200 * ms, nil}, {aborted, 250 * ms, nil}, {aborted, 250 * ms, nil}},
			silence{aborted, 250 * ms, nil}, 200 * ms},
		{"a reset, and one sends at its moment", []silence{{survived, 100 * ms, nil}, {lateReset, 200 * ms, nil}, {aborted, 201 * ms, nil}, {aborted, 201 * ms, nil}},
			silence{aborted, 201 * ms, nil}, 100 * ms},
		{"a reset, and two send late", []silence{{survived, 100 * ms, nil}, {lateReset, 310 * ms, nil}, {lateReset, 310 * ms, nil}, {aborted, 315 * ms, nil}},
			silence{aborted, 315 * ms, nil}, 100 * ms},
		{"a FIN, and two send late", []silence{{survived, 100 * ms, nil}, {lateReset, 310 * ms, nil}, {lateReset, 310 * ms, nil}, {finished, 300 * ms, nil}},
			silence{finished, 300 * ms, nil}, 100 * ms},
		{"a silent drop, and a reset long after it", []silence{{lateReset, 100 * ms, nil}, {lateReset, 200 * ms, nil}, {lateReset, 300 * ms, nil}, {aborted, 400 * ms, nil}},
			silence{lateReset, 100 * ms, nil}, 0},
		{"a silent drop", []silence{{survived, 100 * ms, nil}, {lateReset, 200 * ms, nil}, {lateReset, 300 * ms, nil}, {lateReset, 400 * ms, nil}},
			silence{lateReset, 200 * ms, nil}, 100 * ms},
		{"a silent loss", []silence{{survived, 100 * ms, nil}, {lost, 200 * ms, nil}, {aborted, 201 * ms, nil}, {aborted, 201 * ms, nil}},
			silence{lost, 200 * ms, nil}, 100 * ms},
	}
	for _, tt := range tests {
		got, before := earliestEnd(tt.all, 0, step)
		if got != tt.want || before != tt.before {
			t.Errorf("%s: got %v and %v before it, want %v and %v", tt.name, got, before, tt.want, tt.before)
		}
	}
}
