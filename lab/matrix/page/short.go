package page

import (
	"strings"

	"echod/lab/matrix/lab"
)

// questions are what most readers come with, and who gives which answer: the
// first whose rules a proxy fails.
var questions = []struct {
	asks    string
	answers []answer
}{
	{"A client sends a request, ends its direction, and waits. Does the answer arrive?", []answer{
		{"**No, it is lost**", []string{"stream/half-close"}},
		{"**If it is quick**: an answer that comes a second later is lost", []string{"stream/half-close-late"}},
		{"**Yes**", nil},
	}},
	{"A server ends its direction first. Does what the client still sends arrive?", []answer{
		{"**No**", []string{"stream/server-fin"}},
		{"**Yes**", nil},
	}},
	{"Does one side learn that the other has broken off?", []answer{
		{"**Neither does**: each sees an orderly end", []string{"stream/rst-to-server", "stream/rst-to-client"}},
		{"**The server does, the client does not**", []string{"stream/rst-to-client"}},
		{"**The client does, the server does not**", []string{"stream/rst-to-server"}},
		{"**Both do**", nil},
	}},
}

// answer is for those that fail all of these rules.
type answer struct {
	says  string
	fails []string
}

func (a answer) fits(r *lab.Report) bool {
	for _, rule := range a.fails {
		if result, _ := r.Find(rule); result.Verdict != "fail" {
			return false
		}
	}
	return true
}

// inShort answers the questions.
func (p *paper) inShort() {
	p.line("## In short\n")
	for _, question := range questions {
		p.line("%s\n", question.asks)
		who := make([][]string, len(question.answers))
		for _, o := range p.outcomes {
			if o.Report == nil || o.Setup.Itself {
				continue
			}
			for i, answer := range question.answers {
				if answer.fits(o.Report) {
					who[i] = append(who[i], called(o))
					break
				}
			}
		}
		for i, answer := range question.answers {
			if len(who[i]) > 0 {
				p.line("* %s: %s.", answer.says, strings.Join(who[i], ", "))
			}
		}
		p.line("")
	}
}

// called is a program, with its configuration unless that is the default.
func called(o lab.Outcome) string {
	if o.Setup.Mends == "" {
		return o.Program
	}
	return o.Program + " (`" + o.Setup.Name + "`)"
}
