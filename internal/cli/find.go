package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"echod/internal/dial"
	"echod/internal/draw"
	"echod/internal/load"
	"echod/internal/report"
	"echod/internal/search"
	"echod/internal/usage"
)

// findFlags are the flags of a search for the highest rate.
type findFlags struct {
	limits     []threshold[*load.Result] // none: no search
	start, max float64                   // messages per second; start is 0 if a closed loop decides
	precision  float64                   // a part of the rate
}

const (
	defaultPrecision = 0.05
	findRepeats      = 5
	findWarmup       = 500 * time.Millisecond
	findPause        = 250 * time.Millisecond // after a step that was not met, for what it has left in the server
	shortestStep     = 2 * time.Second
	longestStep      = 20 * time.Second
	closedStep       = time.Second
	startPart        = 20 // the lowest rate is this part of what a closed loop reaches
)

// impliedLimit holds in every search, unless there is another limit for messages without an answer.
const impliedLimit = "success_ratio>99.9%"

func (f *findFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(thresholds(&f.limits, benchMeasures, percentileOf), "find", "search the highest rate that meets this limit, e.g. p99<5ms; repeatable")
	flags.Var(rate(&f.start), "find-start", "with --find, the lowest rate; 0: a twentieth of what a closed loop reaches")
	flags.Var(rate(&f.max), "find-max", "with --find, the highest rate")
	flags.Var(percentage(&f.precision), "find-precision", "with --find, how near the result is to the highest rate")
}

// check reports whether a search can be made with the other flags of bench, and completes the
// limits.
func (f *findFlags) check(bench *benchFlags) error {
	if len(f.limits) == 0 && (f.start != 0 || f.max != load.MaxRate || f.precision != defaultPrecision) {
		return usage.New("--find-start, --find-max and --find-precision are for a search", "add --find, e.g. --find 'p99<5ms'")
	}
	if len(f.limits) == 0 {
		return nil
	}
	latency := slices.ContainsFunc(f.limits, ofLatency)
	for _, mistake := range []struct {
		made      bool
		got, want string
	}{
		{!bench.plan.Rate.IsZero(), "--find and --rate exclude each other", "omit --rate, or give the lowest rate as --find-start"},
		{bench.plan.Messages > 0, "--find and --messages exclude each other", "want --duration, which is that of each step"},
		{bench.plan.Depth > 1, "--find and --depth exclude each other", "omit --depth, because the schedule decides how much is in flight"},
		{bench.plan.GSO, "--find and --gso exclude each other", "omit one: a schedule sends each datagram by itself"},
		{len(bench.thresholds) > 0, "--find and --threshold exclude each other", "give each limit as --find"},
		{bench.hdr != "", "--find and --hdr exclude each other", "want --output find.json, which has the histograms of all steps"},
		{limited(f.limits, "rate"), "--find: rate is what is searched for", "want a limit that a higher rate breaks, e.g. 'p99<5ms'"},
		{!latency && !limited(f.limits, "loss"), "--find without a limit for latency", "add one, e.g. 'p99<5ms': otherwise nothing shows that a queue grows"},
		{f.max < f.start, fmt.Sprintf("--find-start is above --find-max, %g", f.max), "want a lower one"},
		{f.max < report.LowestRate, "--find-max is too low", fmt.Sprintf("want at least %g", report.LowestRate)},
		{f.start > 0 && f.start < report.LowestRate, "--find-start is too low", fmt.Sprintf("want at least %g", report.LowestRate)},
	} {
		if mistake.made {
			return usage.New(mistake.got, mistake.want)
		}
	}
	if !limited(f.limits, "success_ratio", "failed", "loss") {
		implied, err := parseThreshold(impliedLimit, benchMeasures)
		if err != nil {
			return err
		}
		f.limits = append(f.limits, implied)
	}
	return nil
}

// ofLatency reports whether t is a limit for latency.
func ofLatency(t threshold[*load.Result]) bool {
	_, percentile := percentileOf(t.of.name)
	return percentile || t.of.name == "max" || t.of.name == "mean"
}

// messages returns how many messages a step needs: ten that are slower than each quantile with a
// limit, and at least 1,000.
func (f *findFlags) messages() float64 {
	most := 1000.0
	for _, t := range f.limits {
		if percent, err := parsePercentile(strings.TrimPrefix(t.of.name, "p")); err == nil {
			most = max(most, math.Round(10/(1-percent/100)))
		}
	}
	return most
}

// length returns how long a step at that rate is, unless --duration says so.
func (f *findFlags) length(rate float64) time.Duration {
	seconds := min(f.messages()/rate, longestStep.Seconds())
	return max(time.Duration(seconds*float64(time.Second)), shortestStep).Round(time.Millisecond)
}

// outcome returns the outcome of a step. It is inconclusive if the generator sent too few messages
// in time. If a limit is broken, it is also inconclusive if the generator was late, or could not
// make its connections, e.g. because it had no ports. A late generator does not make the latency
// look lower: if the limits are met nevertheless, they are met.
func (f *findFlags) outcome(r *load.Result) search.Outcome {
	if r.Behind != nil && r.Behind.Few() {
		return search.Inconclusive
	}
	outcome := search.Met
	for _, t := range f.limits {
		if t.verdict(r).Met {
			continue
		}
		if r.Behind == nil && !late(t, r) && r.Failed[dial.Local]+r.ConnectsFailed[dial.Local] == 0 {
			return search.Broken
		}
		outcome = search.Inconclusive
	}
	return outcome
}

// late reports whether the scheduling delay, which the generator alone causes, takes half of a
// limit for latency.
func late(t threshold[*load.Result], r *load.Result) bool {
	if !ofLatency(t) {
		return false
	}
	delay := *r
	delay.Latency = r.SchedulingDelay
	return t.of.figure(&delay) >= t.bound/2
}

// rateSearch is a search in progress.
type rateSearch struct {
	*findFlags
	plan  load.Plan // without rate and duration
	fixed time.Duration
	doc   report.Find
	run   func(load.Plan) (*load.Result, error) // measures
	show  func(report.Step) error               // is called after each step in which something was measured
	shown bool                                  // show was called
}

// errWrongBytes ends a search: the service is not an echo, at any rate.
var errWrongBytes = errors.New("a byte was wrong, which no rate excuses")

// find searches, and completes the document even if the search ends early.
func (s *rateSearch) find() error {
	for _, t := range s.limits {
		s.doc.Limits = append(s.doc.Limits, report.Limit{Threshold: t.text, Figure: t.of.name, Bound: t.bound})
	}
	s.doc.Precision, s.doc.Confidence = s.precision, search.Confidence(findRepeats)
	err := s.search()
	s.repeated()
	s.doc.Summary = s.summary(err)
	return err
}

func (s *rateSearch) search() error {
	start := s.start
	if start == 0 {
		plan := s.plan
		plan.Duration = closedStep
		r, err := s.measure(report.ClosedLoop, 0, plan)
		if err != nil {
			return err
		}
		start = search.Round(min(max(answersPerSecond(r)/startPart, 1), s.max))
	}
	found, err := search.Plan{Start: start, Max: s.max, Precision: s.precision, Repeats: findRepeats}.Run(s.step)
	s.doc.Verdict, s.doc.Rate, s.doc.Above, s.doc.Repeats, s.doc.Met = found.Verdict, found.Rate, found.Above, found.Repeats, found.Met
	return err
}

// step measures at one rate. A step in which nothing was answered has broken the limits; only the
// closed loop must have answers.
func (s *rateSearch) step(phase search.Phase, rate float64) (search.Outcome, error) {
	plan := s.plan
	plan.Rate, plan.Duration = load.PerSecond(rate), cmp.Or(s.fixed, s.length(rate))
	if _, err := s.measure(phase, rate, plan); err != nil {
		return "", err
	}
	return s.doc.Steps[len(s.doc.Steps)-1].Outcome, nil
}

func (s *rateSearch) measure(phase search.Phase, rate float64, plan load.Plan) (*load.Result, error) {
	r, err := s.run(plan)
	if r == nil {
		return nil, err
	}
	r.Echod = thisBuild().brief()
	step := report.Step{Phase: phase, Rate: rate, Result: r}
	if phase != report.ClosedLoop {
		step.Outcome, step.Thresholds = s.outcome(r), verdicts(s.limits, r)
	}
	s.doc.Steps = append(s.doc.Steps, step)
	if err != nil && r.Seconds == 0 { // nothing was measured
		return r, err
	}
	if _, ok := errors.AsType[*dial.UnreachableError](err); ok && phase != report.ClosedLoop {
		err = nil
	}
	if r.Wrong != nil {
		err = errWrongBytes
	}
	s.shown = true
	return r, cmp.Or(s.show(step), err)
}

// repeated completes the figures of the repeats of the rate that was found.
func (s *rateSearch) repeated() {
	fewest := int64(math.MaxInt64)
	for i, t := range s.limits {
		var values []float64
		for _, step := range s.doc.Steps {
			if step.Phase == search.Repeat && step.Rate == s.doc.Rate {
				values = append(values, t.of.figure(step.Result))
				fewest = min(fewest, step.Result.Due)
			}
		}
		slices.Sort(values)
		if n := len(values); n == findRepeats && !math.IsNaN(values[0]) { // NaN is sorted first
			s.doc.Limits[i].Repeated = &report.Repeated{Median: values[n/2], Low: values[0], High: values[n-1]}
		}
	}
	if needed := s.messages(); float64(fewest) < 0.99*needed {
		s.doc.Warnings = append(s.doc.Warnings, fmt.Sprintf("few: a step had %s messages, of which a quantile says little: want %s, so a --duration of at least %s",
			draw.Whole(float64(fewest)), draw.Whole(needed), draw.Brief(time.Duration(math.Ceil(needed/s.doc.Rate))*time.Second)))
	}
}

// summary returns the result in words. err is the reason why the search ended early.
func (s *rateSearch) summary(err error) string {
	var limits []string
	for _, t := range s.limits {
		limits = append(limits, t.text)
	}
	all := strings.Join(limits, " and ")
	rate, above := draw.PerSecond.Write(s.doc.Rate), draw.PerSecond.Write(s.doc.Above)
	repeats := fmt.Sprintf("%d of %d repeats met %s", s.doc.Met, s.doc.Repeats, all)
	switch {
	case err != nil && s.doc.Rate > 0:
		return fmt.Sprintf("the search ended early: %v. The highest rate that met %s so far is %s", err, all, rate)
	case err != nil:
		return fmt.Sprintf("the search ended early: %v. No rate has met %s", err, all)
	case s.doc.Verdict == search.NotMet:
		return fmt.Sprintf("not met: %s does not meet %s, and is the lowest rate of the search", above, all)
	case s.doc.Verdict == search.Generator && s.doc.Rate == 0:
		return fmt.Sprintf("inconclusive: the generator, and not the server, was the limit, even at %s", above)
	case s.doc.Verdict == search.Generator:
		return fmt.Sprintf("inconclusive: the generator, and not the server, was the limit at %s. The server can do at least %s: %s%s", above, rate, repeats, s.medians())
	case s.doc.Verdict == search.Maximum:
		return fmt.Sprintf("maximum: %s, the highest rate of the search, is met: %s%s", rate, repeats, s.medians())
	}
	return fmt.Sprintf("found: %s. %s, and %s did not%s", rate, repeats, above, s.medians())
}

// medians returns a sentence about the figures of latency of the repeats.
func (s *rateSearch) medians() (text string) {
	for i, t := range s.limits {
		if of := s.doc.Limits[i].Repeated; of != nil && ofLatency(t) {
			text += fmt.Sprintf(". The median of %s is %s (%s to %s with %s confidence)", t.of.name,
				t.of.write(of.Median), t.of.write(of.Low), t.of.write(of.High), draw.Percentage(s.doc.Confidence))
		}
	}
	return text
}

// findFormat reports whether a search can be written in a format.
func findFormat(format string, percentiles []float64) error {
	switch {
	case slices.Contains(formatsOfOne, format), format == "svg":
		return usage.New("--format "+format+" is for a single run, and not for a search", "want text, json or html")
	case !slices.Equal(percentiles, report.DefaultPercentiles):
		return usage.New("--percentiles is for a single run, and not for a search", "omit it")
	}
	return nil
}

// findRate searches the highest rate, and reports what was found even if it is interrupted.
func (f *benchFlags) findRate(ctx context.Context, p *Process, plan load.Plan, file *outputFile) error {
	if err := findFormat(f.output.format, f.percentiles); err != nil {
		return err
	}
	s := &rateSearch{findFlags: &f.find, plan: plan, fixed: f.plan.Duration}
	s.plan.Duration, s.plan.Warmup = 0, cmp.Or(plan.Warmup, findWarmup)
	text := f.output.format == "text" && file == nil
	s.run = func(plan load.Plan) (*load.Result, error) {
		if n := len(s.doc.Steps); n > 0 && s.doc.Steps[n-1].Outcome != search.Met {
			pause(ctx, findPause)
		}
		r, err := runShown(ctx, p, plan, alone(plan))
		if ended := interrupted(ctx); ended != nil {
			return nil, ended
		}
		return r, err
	}
	s.show = func(step report.Step) error {
		write := func(w io.Writer, color bool) error {
			if len(s.doc.Steps) == 1 {
				if err := report.WriteFindHead(w, &s.doc); err != nil {
					return err
				}
			}
			_, err := fmt.Fprintln(w, report.StepLine(step, color))
			return err
		}
		if text {
			return p.writeReport(nil, write)
		}
		if !p.quiet {
			write(p.Stderr, false)
		}
		return nil
	}
	err := s.find()
	if len(s.doc.Steps) == 0 || !s.shown && f.output.format == "text" {
		return err
	}
	return cmp.Or(s.deliver(p, f.output.format, file), findError(s.doc, err))
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// deliver writes the rest of the report: the end of the text on standard output, or all of it.
func (s *rateSearch) deliver(p *Process, format string, file *outputFile) error {
	local := func(step report.Step) bool {
		r := step.Result
		return r.ConnectsFailed[dial.Local] > 0 || r.Failed[dial.Local] > 0 && r.Behind == nil
	}
	if slices.ContainsFunc(s.doc.Steps, local) {
		writeHint(p.Stderr, hintLocal)
	}
	if format == "text" && file == nil {
		return p.writeReport(nil, func(w io.Writer, color bool) error { return report.WriteFindEnd(w, &s.doc, color) })
	}
	for _, line := range append([]string{s.doc.Summary}, s.doc.Warnings...) {
		writeLine(p.Stderr, line)
	}
	return p.writeReport(file, func(w io.Writer, color bool) error {
		return writeFind(w, []report.Search{{Find: &s.doc}}, format, color)
	})
}

func writeFind(w io.Writer, searches []report.Search, format string, color bool) error {
	switch format {
	case "html":
		return report.WriteFindHTML(w, searches)
	case "json":
		return report.WriteFindJSON(w, searches)
	}
	return report.WriteFind(w, searches, color)
}

// findError turns a search into an exit code; the report has said the rest.
func findError(f report.Find, err error) error {
	switch {
	case errors.Is(err, errWrongBytes), f.Verdict == search.NotMet:
		return &exitError{code: Failed}
	case err != nil:
		return err
	case f.Verdict == search.Generator:
		return &exitError{code: Unknown}
	}
	return nil
}
