package contest

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Target is what a contender of ours is held to, as ratios to its base. Zero is
// no target.
type Target struct {
	Throughput float64 // at least
	CPU        float64 // at most: system CPU per message
	Bytes      float64 // at most: memory for each idle connection
	Uneven     float64 // at most: the fullest loop's connections to the emptiest one's
}

// targetOf is what an engine with one loop is held to against C.
func targetOf(w Workload) Target {
	switch {
	case w.Kind == Idle:
		return Target{Bytes: 128}
	case w.Kind == Churn:
		return Target{Throughput: 0.95, CPU: 1.08}
	case w.Kind == Datagrams:
		return Target{Throughput: 0.97, CPU: 1.05}
	case w.Size >= 64<<10:
		return Target{Throughput: 0.95, CPU: 1.06}
	default:
		return Target{Throughput: 0.97, CPU: 1.04}
	}
}

// Claim is one contender of ours in one match, against what it is held to.
type Claim struct {
	Result Result
	Entry  Entry
	Base   Entry
	Want   Target
}

// Claims are those of a result: one for each echod in it that is held to
// something. The engine net is held against io.Copy, two loops against one, and
// everything else against C.
func (r Result) Claims() []Claim {
	var all []Claim
	for _, e := range r.Entries {
		if !ours(e.Name) {
			continue
		}
		switch iocopy, met := r.entry(IOCopy); {
		case r.Free && e.Name == r.Entries[0].Name:
		case r.Free:
			all = append(all, Claim{r, e, r.Entries[0], Target{Throughput: 1, Uneven: 1.2}})
		case strings.HasSuffix(e.Name, busyPoll):
			all = append(all, Claim{r, e, r.Entries[0], Target{Throughput: 2}})
		case e.Name != EchodName("net"):
			all = append(all, Claim{r, e, r.Entries[0], targetOf(r.Workload)})
		case met && r.Workload.Kind != Idle:
			all = append(all, Claim{r, e, iocopy, Target{Throughput: 1}})
		}
	}
	return all
}

// ours reports whether the name is that of an echod.
func ours(name string) bool { return strings.HasPrefix(name, "echod ") }

func (r Result) entry(name string) (Entry, bool) {
	i := slices.IndexFunc(r.Entries, func(e Entry) bool { return e.Name == name })
	if i < 0 {
		return Entry{}, false
	}
	return r.Entries[i], true
}

// Short says in what the claim falls short, nothing if it is met. Medians
// count, rounded as they are printed.
func (c Claim) Short() []string {
	if c.Entry.Failure != "" || c.Base.Failure != "" || len(c.Entry.Rounds) == 0 {
		return []string{"failed"}
	}
	var all []string
	short := func(is bool, what string) {
		if is {
			all = append(all, what)
		}
	}
	short(rounded(c.median(Throughput)) < c.Want.Throughput, "throughput")
	short(c.Want.CPU > 0 && rounded(c.median(MachineCPU)) > c.Want.CPU, "CPU")
	short(c.Want.Bytes > 0 && math.Round(c.bytes()) > c.Want.Bytes, "memory")
	short(c.Want.Uneven > 0 && rounded(c.Entry.Uneven()) > c.Want.Uneven, "shares")
	if c.Base.Name == C {
		for _, peer := range c.ahead() {
			short(true, "behind "+peer)
		}
	}
	return all
}

// ahead are the peers that did better in the same match.
func (c Claim) ahead() []string {
	var all []string
	for _, e := range c.Result.Entries {
		if e.Name == C || ours(e.Name) || e.Failure != "" || len(e.Rounds) == 0 {
			continue
		}
		peer := Claim{Entry: e, Base: c.Base}
		better := peer.median(Throughput) > c.median(Throughput)
		if c.Want.Bytes > 0 {
			better = peer.bytes() < c.bytes()
		}
		if better {
			all = append(all, e.Name)
		}
	}
	return all
}

func (c Claim) median(m Measure) float64 { return SpreadOf(m.Ratios(c.Entry, c.Base)).Median }

func (c Claim) bytes() float64 { return SpreadOf(Memory.Figures(c.Entry)).Median }

// Uneven is the fullest loop's connections as a multiple of the emptiest
// one's, the worst that was seen. One loop alone that has all of them shares
// with nobody: infinite.
func (e Entry) Uneven() float64 {
	worst := 0.0
	for _, shares := range e.Shares {
		if len(shares) < 2 {
			return math.Inf(1)
		}
		worst = max(worst, float64(slices.Max(shares))/float64(slices.Min(shares)))
	}
	return worst
}

func rounded(ratio float64) float64 { return math.Round(ratio*100) / 100 }

// Verdict is Short in a table's cell.
func (c Claim) Verdict() string {
	if short := c.Short(); len(short) > 0 {
		return fmt.Sprintf("**short**: %s", strings.Join(short, ", "))
	}
	return "met"
}
