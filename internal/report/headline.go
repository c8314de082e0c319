package report

import (
	"fmt"
	"slices"
	"strings"

	"echod/internal/draw"
	"echod/internal/load"
)

// headline returns a result in a sentence: what became of the messages, and how fast.
func headline(r *load.Result) string {
	words := []string{answeredWords(r)}
	for _, f := range figures([]*load.Result{r}, nil) {
		if v, ok := f.of(r); ok && r.Answered > 0 && headlineFigures[f.key] != "" {
			words = append(words, fmt.Sprintf(headlineFigures[f.key], f.text(v)))
		}
	}
	sentence := strings.Join(words, ", ")
	if n := r.Failed.Total(); n > 0 {
		sentence += fmt.Sprintf("; %s failed (%s)", draw.Whole(float64(n)), classWords(r.Failed))
	}
	if r.Lost > 0 {
		sentence += fmt.Sprintf("; %s lost", draw.Whole(float64(r.Lost)))
	}
	return sentence
}

func answeredWords(r *load.Result) string {
	due, answered := draw.Whole(float64(r.Due)), draw.Whole(float64(r.Answered))
	switch part, _ := SuccessRatio(r); {
	case r.Due == 0:
		return "no message was due"
	case r.Due == 1 && r.Answered == 1:
		return "1 message answered"
	case r.Answered == 0:
		return "none of " + count(int(r.Due), "message", "messages") + " answered"
	case r.Answered == r.Due:
		return "all " + due + " messages answered"
	default:
		return answered + " of " + due + " messages answered (" + quantileText(part) + ")"
	}
}

// headlineFigures are the figures of a headline, with the words around each.
var headlineFigures = map[string]string{
	"messages_per_second": "%s",
	"latency_p50_seconds": "p50 %s",
	"latency_p99_seconds": "p99 %s",
	"latency_max_seconds": "max %s",
}

// Line returns a result in one line.
func Line(r *load.Result) string { return r.Plan.URL + ": " + headline(r) }

// conclusion is what a run shows about the service.
type conclusion struct {
	Text string // "" if there are no thresholds and nothing went wrong
	Good bool
}

// conclude returns the conclusion of a run. A threshold says nothing about the service if the
// generator was too slow.
func conclude(run Run) conclusion {
	broken := slices.DeleteFunc(slices.Clone(run.Verdicts), func(v Verdict) bool { return v.Met })
	all := count(len(run.Verdicts), "threshold", "thresholds")
	switch {
	case run.Result.Wrong != nil:
		return conclusion{Text: "Failed: a byte is not the one that was sent."}
	case run.Result.Behind != nil:
		return conclusion{Text: "Inconclusive: the generator was too slow."}
	case len(broken) > 0:
		var words []string
		for _, v := range broken {
			words = append(words, v.Threshold+" is "+v.Value)
		}
		return conclusion{Text: fmt.Sprintf("Failed: %d of %s broken: %s.", len(broken), all, strings.Join(words, ", "))}
	case run.Result.Answered == 0:
		return conclusion{Text: "Inconclusive: nothing came back."}
	case len(run.Verdicts) > 0:
		return conclusion{"Passed: " + all + " met.", true}
	}
	return conclusion{}
}
