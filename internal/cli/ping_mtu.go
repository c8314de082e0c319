package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"echod/internal/ping"
	"echod/internal/report"
	"echod/internal/usage"
)

// notForMTU are the flags of ping that have no meaning for a search, which decides itself
// what it sends.
var notForMTU = []string{"count", "interval", "size", "reconnect", "threshold", "timestamps", "strip", "pmtudisc", "agent"}

// checkMTU returns an error if a flag was given that --mtu excludes, or several targets.
func (f *pingFlags) checkMTU(flags *pflag.FlagSet, targets int) error {
	if targets > 1 {
		return usage.New("--mtu searches the path to one target", fmt.Sprintf("want one URL, got %d", targets))
	}
	for _, name := range notForMTU {
		if flags.Changed(name) {
			return usage.New("--mtu and --"+name+" exclude each other", "omit one of them")
		}
	}
	if f.format == "csv" || f.format == "html" {
		return usage.New("--mtu cannot be written as "+f.format, "want text or json")
	}
	return nil
}

// searchMTU searches the MTU of the path, and writes what it has found, also if it is
// stopped.
func (f *pingFlags) searchMTU(ctx context.Context, p *Process, config ping.Config) error {
	search := ping.MTUConfig{Target: config.Target, Timeout: config.Timeout}
	ctx, err := f.family.apply(ctx, search.Target.Address)
	if err != nil {
		return err
	}
	until, stop := untilSignal(ctx)
	defer stop()
	sending, cancel := withDeadline(until, f.deadline)
	defer cancel()
	out := report.MTUText(p.Stdout, search)
	if f.format == "json" {
		out = report.MTUJSON(p.Stdout, search, thisBuild().brief())
	}
	var failed error // the first of writing, which ends the search
	check := func(err error) {
		if err != nil {
			failed = cmp.Or(failed, error(&exitError{Unknown, fmt.Errorf("write the report: %w", err)}))
			cancel()
		}
	}
	if err := search.Check(); err != nil {
		return err
	}
	if !p.quiet {
		check(out.Start())
		search.OnSize = func(s ping.MTUSize) { check(out.Size(s)) }
	}
	found, err := ping.SearchMTU(sending, search)
	switch {
	case found.Payload == 0:
	case p.quiet && f.format == "text":
		check(report.WriteMTU(p.Stdout, found))
	default:
		check(out.End(found))
	}
	return cmp.Or(failed, interrupted(until), mtuError(found, err))
}

// mtuError turns the result of a search into an exit code.
func mtuError(found ping.MTU, err error) error {
	switch {
	case err == context.DeadlineExceeded: // not that of a connect
		return &exitError{Unknown, errors.New("--deadline: the search did not end in time")}
	case err != nil:
		return err // a wrong byte is exit code 1
	case found.Limit == ping.SizeSilent:
		return &exitError{code: Failed}
	}
	return nil
}
