package page

import (
	"fmt"
	"strings"

	"echod/lab/matrix/lab"
)

// summary writes one row for each setup.
func (p *document) summary() {
	p.line("## Summary\n\n| | program | version | configuration | verdict | rules that fail |\n|---|---|---|---|---|---|")
	for i, o := range p.outcomes {
		if o.Report == nil {
			continue
		}
		p.line("| [%d](matrix/%s) | %s | %s | %s | %s | %s |", i+1, fileOf(i, o), o.Program, o.Version,
			o.Setup.Name, verdict(o.Report), strings.Join(failed(o.Report), ", "))
	}
	p.line("")
}

func verdict(r *lab.Report) string {
	fail, pass, doubt := r.Count("fail"), r.Count("pass"), r.Count("error")
	switch {
	case fail > 0:
		return fmt.Sprintf("%d of %d fail", fail, fail+pass+doubt)
	case doubt > 0:
		return "inconclusive"
	}
	return fmt.Sprintf("honest: %d pass", pass)
}

// failed returns the rules that failed, without their common prefix.
func failed(r *lab.Report) []string { return withVerdict(r, "fail") }

func withVerdict(r *lab.Report, verdict string) []string {
	var all []string
	for _, result := range r.Results {
		if result.Verdict == verdict {
			all = append(all, short(result.Rule))
		}
	}
	return all
}

// questions are questions of users. The answer for a proxy is the first one of which it
// fails all rules. The last one, without rules, is for a proxy that passes all rules of the
// question; one that skips a rule has no answer.
var questions = []struct {
	text    string
	answers []answer
}{
	{"A client sends a request, half-closes, and waits. Does the answer arrive?", []answer{
		{"**No**, the answer is lost", []string{"stream/half-close"}},
		{"**Only if it is fast**: an answer after one second is lost", []string{"stream/half-close-late"}},
		{"**Yes**", nil},
	}},
	{"The server half-closes first. Does the server receive what the client sends after that?", []answer{
		{"**No**", []string{"stream/server-fin"}},
		{"**Yes**", nil},
	}},
	{"One side resets the connection. Does the other side see the reset?", []answer{
		{"**No**: a reset of either side arrives as a FIN", []string{"stream/rst-to-server", "stream/rst-to-client"}},
		{"**Only the server does**", []string{"stream/rst-to-client"}},
		{"**Only the client does**", []string{"stream/rst-to-server"}},
		{"**Yes**", nil},
	}},
	{"A TLS terminator: the stream of one side is cut off. Does the other side see that?", []answer{
		{"**No**: the server receives a FIN, the client a close_notify", []string{"tls/truncation-to-server", "tls/truncation-to-client"}},
		{"**No**: the server receives a FIN, and the client never receives a close_notify, not even after a complete answer", []string{"tls/truncation-to-server", "tls/half-close"}},
		{"**Yes**", nil},
	}},
}

type answer struct {
	text  string
	fails []string
}

func (a answer) matches(r *lab.Report) bool {
	for _, rule := range a.fails {
		if result, _ := r.Find(rule); result.Verdict != "fail" {
			return false
		}
	}
	return true
}

// passes reports whether all rules of the answers pass.
func passes(r *lab.Report, answers []answer) bool {
	for _, a := range answers {
		for _, rule := range a.fails {
			if result, _ := r.Find(rule); result.Verdict != "pass" {
				return false
			}
		}
	}
	return true
}

// answers writes the answers to the questions.
func (p *document) answers() {
	p.line("## Answers\n")
	for _, question := range questions {
		p.line("%s\n", question.text)
		proxies := make([][]string, len(question.answers))
		for _, o := range p.outcomes {
			if o.Report == nil || o.Setup.IsServer {
				continue
			}
			for i, answer := range question.answers {
				if len(answer.fails) == 0 && !passes(o.Report, question.answers) {
					break
				}
				if answer.matches(o.Report) {
					proxies[i] = append(proxies[i], name(o))
					break
				}
			}
		}
		for i, answer := range question.answers {
			if len(proxies[i]) > 0 {
				p.line("* %s: %s.", answer.text, strings.Join(proxies[i], ", "))
			}
		}
		p.line("")
	}
}

// name returns the name of the program, with the configuration if it is not the default.
func name(o lab.Outcome) string {
	if o.Setup.Fixes == "" {
		return o.Program
	}
	return o.Program + " (`" + o.Setup.Name + "`)"
}
