package cli

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"echod/echotest"
	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/load"
	"echod/internal/report"
)

func TestThresholdComparesTheFigureThatItNames(t *testing.T) {
	r := &load.Result{Seconds: 2, Due: 103, Answered: 100, AnsweredInTime: 100, Latency: hist.New(),
		Failed: load.Classes{dial.Reset: 2, dial.Timeout: 1}, ConnectsFailed: load.Classes{dial.Refused: 4}}
	for i := range 100 {
		r.Latency.Record(time.Duration(i+1) * time.Millisecond)
	}
	lossy := &load.Result{Latency: hist.New(), Plan: load.Plan{URL: "udp://127.0.0.1:7"}, Due: 200, Answered: 199, Lost: 1}
	tests := []struct {
		threshold string
		of        *load.Result
		met       bool
		value     string
	}{
		{"p50<51ms", r, true, "50.0 ms"},
		{"p50<50ms", r, false, "50.0 ms"},
		{"p90<91ms", r, true, "90.0 ms"},
		{"p99<99ms", r, false, "99.0 ms"},
		{"p99.9<100ms", r, false, "100 ms"},
		{"p99.99<101ms", r, true, "100 ms"},
		{"max<100ms", r, false, "100 ms"},
		{"mean<51ms", r, true, "50.5 ms"},
		{"mean < 50ms", r, false, "50.5 ms"},
		{"rate>49", r, true, "50.0/s"},
		{"rate>50/s", r, false, "50.0/s"},
		{"failed<4", r, true, "3"},
		{"failed<3", r, false, "3"},
		{"success_ratio>97%", r, true, "97.1 %"},
		{"success_ratio>99.9%", r, false, "97.1 %"},
		{"connects_failed<5", r, true, "4"},
		{"connects_failed<4", r, false, "4"},
		{"loss<1%", lossy, true, "0.500 %"},
		{"loss<0.5%", lossy, false, "0.500 %"},
		{"p99<1h", lossy, false, "not measured"},
	}
	for _, tt := range tests {
		t.Run(tt.threshold, func(t *testing.T) {
			threshold, err := parseThreshold(tt.threshold, benchMeasures)
			if err != nil {
				t.Fatal(err)
			}
			got := threshold.verdict(tt.of)
			if got.Met != tt.met || got.Value != tt.value {
				t.Errorf("got met %t, %s; want %t, %s", got.Met, got.Value, tt.met, tt.value)
			}
		})
	}
}

func TestRateReadsNumbersPerSecond(t *testing.T) {
	const wantRate = "want a number per second from 0 to 100000000, e.g. 5000 or 5000/s"
	tests := []struct {
		text string
		want float64
		err  string
	}{
		{"5000", 5000, ""},
		{"5000/s", 5000, ""},
		{"0.5", 0.5, ""},
		{"0", 0, ""},
		{"5k", 7, wantRate},
		{"Inf", 7, wantRate},
		{"NaN", 7, wantRate},
		{"", 7, wantRate},
		{"-1", 7, wantRate},
		{"1e10", 7, wantRate},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got := 7.0
			err := rate(&got).Set(tt.text)
			if message(err) != tt.err || got != tt.want {
				t.Errorf("got %v, %q; want %v, %q", got, message(err), tt.want, tt.err)
			}
		})
	}
}

func TestExitCodeOfBenchFollowsFromItsResult(t *testing.T) {
	of := func(r *load.Result, verdicts []report.Verdict) report.Run {
		return report.Run{Result: r, Verdicts: verdicts}
	}
	broken := []report.Verdict{{Met: true}, {Met: false}}
	tests := []struct {
		name string
		of   report.Run
		want Code
	}{
		{"fine", of(&load.Result{}, []report.Verdict{{Met: true}}), OK},
		{"failed messages alone", of(&load.Result{Failed: load.Classes{dial.Reset: 5}}, nil), OK},
		{"a threshold is broken", of(&load.Result{}, broken), Failed},
		{"a byte is wrong", of(&load.Result{Wrong: new(load.Wrong)}, nil), Failed},
		{"the generator was too slow", of(&load.Result{Behind: new(load.Behind)}, nil), Unknown},
		{"too slow to blame the server", of(&load.Result{Behind: new(load.Behind)}, broken), Unknown},
		{"too slow, and yet a byte is wrong", of(&load.Result{Behind: new(load.Behind), Wrong: new(load.Wrong)}, nil), Failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := codeOf(benchError(tt.of)); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestPlanHasADefaultForWhatWasNotGiven(t *testing.T) {
	tests := []struct {
		args     string
		duration time.Duration
		messages int64
		seeded   bool
	}{
		{"tcp://127.0.0.1:7", defaultBenchDuration, 0, false},
		{"--duration 3s --seed 7 tcp://127.0.0.1:7", 3 * time.Second, 0, true},
		{"--messages 5 tcp://127.0.0.1:7", 0, 5, false},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			f, cmd := newBenchFlags(), &cobra.Command{}
			f.register(cmd, &Process{})
			if err := cmd.ParseFlags(strings.Fields(tt.args)); err != nil {
				t.Fatal(err)
			}
			plan, err := f.planFor(cmd.Flags().Arg(0))
			if err != nil {
				t.Fatal(err)
			}
			if plan.Duration != tt.duration || plan.Messages != tt.messages {
				t.Errorf("got %v and %d messages, want %v and %d", plan.Duration, plan.Messages, tt.duration, tt.messages)
			}
			if plan.Seed == 0 || tt.seeded != (plan.Seed == 7) {
				t.Errorf("got seed %d; want 7 if it was given, and a new one otherwise", plan.Seed)
			}
		})
	}
}

// A result names what is not usual: the plan of one thread is as it always was.
func TestPlanOfBenchNamesItsThreads(t *testing.T) {
	url := echotest.NewServer(t).URL()
	for threads, want := range map[string]string{"1": "closed loop, depth 1, 20 messages", "2": "closed loop, depth 1, 2 threads, 20 messages"} {
		if threads == "2" && (runtime.NumCPU() < 2 || runtime.GOOS != "linux") {
			t.Skip("two threads need two processors, and epoll")
		}
		code, out, complaint := runEchod(t, "bench", "--threads", threads, "-c", "4", "-n", "20", url)
		if code != 0 || !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("--threads %s: got exit code %d, %s%s; want %q", threads, code, out, complaint, want)
		}
		_, out, _ = runEchod(t, "bench", "--threads", threads, "-c", "4", "-n", "20", "--format", "json", url)
		if got := strings.Contains(out, `"threads": 2`); got != (threads == "2") || strings.Contains(out, `"threads": 1`) {
			t.Errorf("--threads %s: got %s", threads, out)
		}
		if n, _ := strconv.Atoi(threads); runtime.GOMAXPROCS(0) <= n {
			t.Errorf("--threads %s: got GOMAXPROCS %d, want one more", threads, runtime.GOMAXPROCS(0))
		}
	}
}
