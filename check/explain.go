package check

import (
	"slices"
	"sync"
)

// explanation says that the failure of one rule explains failures of others: they
// probably have the same reason, and the same remedy fixes them.
type explanation struct {
	by       string     // the rule that explains
	classes  []Class    // how it must have failed; none means anyhow
	evidence []Evidence // what must have been seen of it; none means anything
	rules    []string   // the rules that it explains; none means all
	fits     func(by, other Result) bool
}

// explanations are in the order of precedence: a failure is explained by the first that
// fits. A failure that is explained explains no others.
var explanations = slices.Concat(onSomeConnections(), ofRules)

// ofRules are the explanations that depend on what the rules are about.
var ofRules = slices.Concat(
	[]explanation{
		{by: noUnsolicited.ID, classes: []Class{ExtraBytes}, fits: wrongFirstByte},
		{by: firstByte.ID, classes: []Class{Timeout}, evidence: []Evidence{NothingPassed}, fits: nothingPassed},
		{by: firstByte.ID, classes: []Class{Timeout}, evidence: []Evidence{Lines}, fits: sameClass},
		{by: sizeSweep.ID, classes: []Class{Timeout}, evidence: []Evidence{SizeLimit}, fits: largerHangs},
		{by: binaryExact.ID, evidence: []Evidence{DecodedAsText, LineEnds, SevenBit}, fits: changed},
	},
	content(chunking, sizeSweep, halfClose, bulk, halfCloseOwed, slowReader, zeroWindow, manyConnections, concurrency),
	[]explanation{
		{by: finOnly.ID, rules: []string{halfClose.ID, halfCloseLate.ID, halfCloseOwed.ID, serverFIN.ID, churn.ID, closeLatency.ID, manyConnections.ID}, fits: sameClass},
		{by: halfClose.ID, classes: []Class{PrematureEOF, Reset, Silent}, rules: []string{halfCloseLate.ID, halfCloseOwed.ID, serverFIN.ID, manyConnections.ID}, fits: sameClass},
		{by: halfCloseLate.ID, classes: []Class{PrematureEOF, Reset}, rules: []string{serverFIN.ID}, fits: sameClass},
		{by: halfCloseLate.ID, evidence: []Evidence{AnswerLost, KeepaliveHelps}, rules: []string{serverFIN.ID}, fits: bothSilent},
		{by: serverFIN.ID, classes: []Class{Silent}, rules: []string{churn.ID}, fits: sameClass},
		{by: tlsTruncationToServer.ID, classes: []Class{Truncated}, rules: []string{rstToServer.ID}, fits: hiddenByTerminator},
		{by: tlsTruncationToClient.ID, classes: []Class{Truncated}, rules: []string{rstToClient.ID, rstAfterData.ID}, fits: hiddenByTerminator},
		{by: rstToServer.ID, rules: []string{rstToClient.ID, rstAfterData.ID}, fits: sameClass},
		{by: rstToClient.ID, rules: []string{rstAfterData.ID}, fits: sameClass},
		{by: noUnsolicited.ID, classes: []Class{PrematureEOF, Reset}, rules: []string{slowReader.ID, zeroWindow.ID, idle.ID}, fits: bothBroken},
		{by: slowReader.ID, classes: []Class{PrematureEOF, Reset}, rules: []string{zeroWindow.ID, backpressure.ID}, fits: sameClass},
		{by: concurrency.ID, evidence: []Evidence{ConnectionLimit, Burst}, rules: []string{aborts.ID}, fits: notServed},
		{by: datagramExact.ID, classes: []Class{Silent}, evidence: []Evidence{NothingPassed, SourceLimit, Stopped}, rules: otherDatagrams, fits: sameClass},
		{by: orderLoss.ID, classes: []Class{Silent}, evidence: []Evidence{NothingPassed, SourceLimit, Stopped}, rules: []string{datagramEmpty.ID}, fits: silentFromTheStart},
		{by: datagramSource.ID, classes: []Class{WrongSource}, rules: []string{datagramExact.ID, orderLoss.ID, datagramEmpty.ID}, fits: sameClass},
		{by: datagramExact.ID, classes: []Class{Corrupt}, evidence: []Evidence{OtherConnection}, rules: otherDatagrams, fits: wrongDatagram},
		{by: datagramExact.ID, classes: []Class{Corrupt, ExtraBytes, Truncated, WrongSource}, rules: otherDatagrams, fits: sameClass},
		{by: orderLoss.ID, classes: []Class{Corrupt, ExtraBytes, Truncated, WrongSource}, rules: []string{datagramEmpty.ID}, fits: sameClass},
	},
	stops(bulk, halfCloseOwed, slowReader, zeroWindow),
)

// otherDatagrams are the rules about datagrams that have the same reason to fail as
// datagram/exact, if they fail in the same way.
var otherDatagrams = []string{datagramSource.ID, orderLoss.ID, datagramEmpty.ID}

// onSomeConnections returns the explanations among rules that failed on some of their
// connections, and of rules that have only one.
func onSomeConnections() (all []explanation) {
	sampled := make(map[string]bool)
	for _, r := range Rules() {
		if sampled[r.ID] = r.sampled || r.many; sampled[r.ID] {
			all = append(all, explanation{by: r.ID, evidence: []Evidence{SomeConnections}, fits: func(by, other Result) bool {
				// That clients see each other's data is never a detail of another failure.
				return sameClass(by, other) && other.Evidence != OtherConnection && (other.Evidence == SomeConnections || !sampled[other.Rule])
			}})
		}
	}
	return all
}

// content returns the explanations among rules that compare the same kind of stream: the
// first that saw wrong bytes explains the others that saw bytes wrong in the same way.
func content(rules ...Rule) []explanation {
	var all []explanation
	for _, r := range rules {
		all = append(all, explanation{by: r.ID, classes: []Class{Corrupt, ExtraBytes}, fits: func(by, other Result) bool {
			// What a protocol detector does to the openings of binary-exact is another reason.
			return sameClass(by, other) && by.Evidence == other.Evidence && (other.Rule != binaryExact.ID || other.Offset == by.Offset)
		}})
	}
	return all
}

// stops returns the explanations among rules that send much at once: the first whose stream
// stopped in the middle explains the others that stopped in the same way, and streams that
// send less.
func stops(rules ...Rule) []explanation {
	others := []string{chunking.ID, halfClose.ID}
	for _, r := range rules {
		others = append(others, r.ID)
	}
	var all []explanation
	for _, r := range rules {
		all = append(all, explanation{by: r.ID, classes: []Class{Timeout}, evidence: []Evidence{""}, rules: others, fits: func(by, other Result) bool {
			return sameClass(by, other) && other.Evidence == ""
		}})
	}
	return all
}

// wrongDatagram reports whether other got a wrong datagram, which may also be an empty one.
func wrongDatagram(_, other Result) bool {
	return slices.Contains([]Class{Corrupt, ExtraBytes, Truncated}, other.Class)
}

// silentFromTheStart reports whether other got no answer at all.
func silentFromTheStart(_, other Result) bool {
	return other.Class == Silent && other.Evidence == NothingPassed
}

func sameClass(by, other Result) bool { return by.Class == other.Class }

// hiddenByTerminator reports whether other is a reset that a TLS terminator hides, as it
// hides a truncation.
func hiddenByTerminator(by, other Result) bool {
	return other.Class == PrematureEOF && by.Evidence == Terminator && other.Evidence == Terminator
}

// bothBroken reports whether other was ended, too: a timeout for idle connections ends those
// with a FIN that are owed nothing, and resets the others.
func bothBroken(_, other Result) bool { return broken(other.Class) }

// notServed reports whether other had a connection on which nothing came back.
func notServed(_, other Result) bool {
	return other.Offset <= 0 && (other.Class == Timeout || broken(other.Class))
}

// bothSilent reports whether neither failure was an end that somebody was informed of.
func bothSilent(by, other Result) bool {
	return by.Class == Silent && (other.Class == Silent || other.Class == Timeout)
}

// changed reports whether other saw bytes that were never sent.
func changed(_, other Result) bool {
	return (other.Class == Corrupt || other.Class == ExtraBytes) && other.Evidence != OtherConnection
}

// wrongFirstByte reports whether the stream of other was wrong from its start.
func wrongFirstByte(_, other Result) bool {
	return other.Offset == 0 && (other.Class == ExtraBytes || other.Class == Corrupt)
}

// nothingPassed reports whether other waited in vain on a connection on which nothing
// ever came back.
func nothingPassed(_, other Result) bool {
	return other.Class == Timeout && other.Evidence == NothingPassed
}

// largerHangs reports whether other waited in vain for at least as many bytes as hang.
func largerHangs(by, other Result) bool {
	return (other.Class == Timeout || other.Class == Silent) && other.Size >= by.Size &&
		(other.Evidence == "" || other.Evidence == NothingPassed)
}

// explains reports whether by, a failure of e.by, explains other, a failure.
func (e explanation) explains(by, other Result) bool {
	return by.Rule == e.by && other.Rule != e.by && (Cause{Classes: e.classes, Evidence: e.evidence}).fits(by.Class, by.Evidence) &&
		(len(e.rules) == 0 || slices.Contains(e.rules, other.Rule)) && e.fits(by, other)
}

// isExplained reports whether one of results, which are decided, explains that other failed.
func isExplained(results []Result, other Result) bool {
	return other.Verdict == Fail && slices.ContainsFunc(results, func(by Result) bool {
		return by.Verdict == Fail && slices.ContainsFunc(explanations, func(e explanation) bool { return e.explains(by, other) })
	})
}

// precedence returns the place of a rule among those that explain others: a smaller number
// explains first.
func precedence(rule Rule) int {
	if i := slices.IndexFunc(ofRules, func(e explanation) bool { return e.by == rule.ID }); i >= 0 {
		return i
	}
	return len(ofRules)
}

// explain sets ExplainedBy of the failures that others explain, and finds wrong bytes
// that only some connections have. compared is how many bytes came back to each rule on one
// connection.
func explain(results []Result, compared map[string]int64) {
	failed := make(map[string]*Result)
	for i := range results {
		if results[i].Verdict == Fail {
			failed[results[i].Rule] = &results[i]
		}
	}
	for _, e := range explanations {
		by := failed[e.by]
		if by == nil || by.ExplainedBy != "" {
			continue
		}
		for _, other := range failed {
			if other.ExplainedBy == "" && e.explains(*by, *other) {
				other.ExplainedBy = e.by
			}
		}
	}
	for _, other := range failed {
		// A later explanation may explain what explains other.
		for by := failed[other.ExplainedBy]; by != nil && by.ExplainedBy != ""; by = failed[by.ExplainedBy] {
			other.ExplainedBy = by.ExplainedBy
		}
	}
	noteWorthlessCloseNotify(results, failed[tlsTruncationToClient.ID])
	for _, rule := range plainly {
		if r := failed[rule.ID]; r != nil && r.ExplainedBy == "" {
			findSome(r, rule, results, compared)
		}
	}
}

// plainly are the rules that send and read at the same time on one connection, whatever
// the state of other connections. They set probe.compared.
var plainly = []Rule{chunking, sizeSweep, halfClose, bulk}

// compared is how many bytes came back to each of the rules in plainly on one connection.
type compared struct {
	mu    sync.Mutex
	bytes map[string]int64
}

func (c *compared) add(rule string, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes[rule] = max(c.bytes[rule], n)
}

// findSome changes the evidence of r, the result of rule, if it saw wrong bytes and
// another rule sent more bytes plainly and got them all back.
func findSome(r *Result, rule Rule, results []Result, compared map[string]int64) {
	if r.Class != Corrupt && r.Class != ExtraBytes || !slices.Contains([]Evidence{Changed, Missing, Added, Zeros}, r.Evidence) {
		return
	}
	for _, other := range results {
		if other.Verdict == Pass && compared[other.Rule] > r.Offset {
			r.Evidence = SomeConnections
			r.Detail += "; " + other.Rule + " sent more and got everything back"
			cause := rule.cause(r.Class, r.Evidence)
			r.Meaning, r.Cause, r.Remedy = cause.Meaning, cause.Text, cause.Remedy
			return
		}
	}
}

// place returns where the explanation of a rule is in a report: a smaller number is above.
// A server that stopped is first, then failures that explain others. An urgent byte is the last
// failure: most servers lose it, few clients send one, and it explains nothing else. What is
// inconclusive is below all failures.
func place(rule string, v Verdict, explained int) int {
	switch {
	case rule == aliveRule:
		return 0
	case v != Fail:
		return 4
	case explained > 0:
		return 1
	case rule == urgent.ID:
		return 3
	}
	return 2
}

// explainFirst returns the results, first those that explain others.
func (r *Report) explainFirst() []Result {
	results := slices.Clone(r.Results)
	slices.SortStableFunc(results, func(a, b Result) int {
		return place(a.Rule, a.Verdict, len(r.explainedBy(a.Rule))) - place(b.Rule, b.Verdict, len(r.explainedBy(b.Rule)))
	})
	return results
}

// explainedBy returns the rules that the failure of rule explains.
func (r *Report) explainedBy(rule string) []string {
	var ids []string
	for _, result := range r.Results {
		if result.Verdict == Fail && result.ExplainedBy == rule {
			ids = append(ids, result.Rule)
		}
	}
	return ids
}
