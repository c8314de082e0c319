package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"echod/internal/metrics"
	"echod/internal/oplog"
	"echod/internal/page"
	"echod/internal/ping"
	"echod/internal/report"
	"echod/internal/usage"
	"echod/internal/watch"
)

// watchFlags are the flags of watch, with their defaults.
type watchFlags struct {
	config   watch.Config
	size     int64
	deadline time.Duration // 0: none
	source   netip.Addr
	file     string
	command  string // of --on-change; "": none
	family   familyFlags
	socket   socketFlags
	tls      tlsFlags
	admin    adminFlags
	log      logFlags
}

func newWatch(p *Process) *cobra.Command {
	f := watchFlags{
		size:   64,
		config: watch.Config{Interval: time.Second, Timeout: 2 * time.Second, Resolve: 10 * time.Second, Keep: watch.DefaultKeep, DownAfter: watch.DefaultDownAfter, MaxAddresses: 4096},
		log:    logFlags{level: "info", format: "text"},
	}
	cmd := &cobra.Command{
		Use:               "watch URL...",
		Short:             "monitor many echoes continuously",
		ValidArgsFunction: completeWords(append([]string{"dns+tcp://", "dns+tls://", "dns+udp://"}, schemes...)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.Context(), p, args)
		},
	}
	f.register(cmd)
	return cmd
}

func (f *watchFlags) register(cmd *cobra.Command) {
	flags, c := cmd.Flags(), &f.config
	flags.SortFlags = false
	flags.StringVar(&f.file, "targets", "", "also watch the URLs in this file")
	flags.Var(duration(&c.Resolve, ping.MinResolve), "resolve", "time from one look-up of a name to the next")
	flags.Var(durationOrZero(&c.Keep, time.Second), "keep", "how long to watch an address that is down and has left the name")
	flags.Var(number(&c.MaxAddresses, 1, 1<<20), "max-addresses", "addresses to watch at once, of all targets")
	flags.StringVar(&f.command, "on-change", "", "run this command when an address goes up or down")
	flags.VarP(seconds(&c.Interval, watch.MinInterval), "interval", "i", "time from one probe of an address to the next")
	flags.Var(number(&c.Sample, 1, 1<<20), "sample", "probe this many addresses in each interval, in turn")
	flags.Var(seed(&c.Seed), "seed", "the order of --sample, as in an earlier watch")
	flags.VarP(seconds(&c.Timeout, time.Millisecond), "timeout", "W", "how long to wait for a reply, or a connection")
	flags.VarP(size(&f.size, ping.MinSize, ping.MaxSize), "size", "s", "bytes of a probe")
	flags.VarP(deadline(&f.deadline), "deadline", "w", "stop after this time")
	f.family.register(flags)
	flags.BoolVar(&c.Reconnect, "reconnect", false, "open a connection for each probe")
	flags.Var(number(&c.DownAfter, 1, 1000), "down-after", "lost probes in a row after which an address is down")
	flags.Var(address(&f.source), "source", "connect from this address")
	f.socket.register(flags)
	f.tls.register(flags)
	f.admin.register(cmd)
	f.log.register(cmd)
}

// run watches until a signal. A second signal ends the process at once.
func (f *watchFlags) run(ctx context.Context, p *Process, args []string) error {
	f.config.Size, f.config.Log = int(f.size), f.log.open(p, f.logLimit())
	targets, err := f.targets(args)
	if err != nil {
		return err
	}
	f.config.Targets = targets.all()
	if f.config.Seed != 0 && f.config.Sample == 0 {
		return usage.New("--seed has no effect without --sample", "add e.g. --sample 50, or omit it")
	}
	if f.command != "" {
		f.config.OnChange = onChange(f.command)
	}
	w, err := watch.New(f.config)
	if err != nil {
		return err
	}
	web, err := f.admin.listen(f.config.Log)
	if err != nil {
		return err
	}
	defer web.close()
	ctx, stop := untilSignal(f.family.limit(ctx))
	defer stop()
	ctx, cancel := withDeadline(ctx, f.deadline)
	defer cancel()
	changes := targets.changes(ctx, f.config.Log)
	web.serve(page.Config{Name: "echod watch", Watch: w.Snapshot}, nil, p.logMetrics(), metrics.Watch(w.Snapshot))
	summary := func() error {
		return writeInTime(p.Stdout, func(out io.Writer) error { return report.WriteWatch(out, w.Snapshot(), time.Now()) })
	}
	stopAnswering := onQuit(func() { summary() }) // an error is found again at the end
	w.Run(ctx, changes)
	stopAnswering()
	if err := summary(); err != nil {
		return &exitError{Unknown, fmt.Errorf("write the summary: %w", err)}
	}
	return nil
}

// summaryTimeout limits the wait for the reader of standard output. A service manager
// that ended the watch kills it if it takes too long.
const summaryTimeout = 10 * time.Second

// writeInTime writes, but waits no longer than summaryTimeout.
func writeInTime(out io.Writer, write func(io.Writer) error) error {
	written := make(chan error, 1)
	go func() { written <- write(out) }()
	timer := time.NewTimer(summaryTimeout)
	defer timer.Stop()
	select {
	case err := <-written:
		return err
	case <-timer.C:
		return fmt.Errorf("standard output was not read for %v", summaryTimeout)
	}
}

// logLimit allows a line for every address that goes down at the same time. Strangers
// cannot cause such lines, and watch limits those of an address that flaps.
func (f *watchFlags) logLimit() oplog.Limit {
	return oplog.Limit{Burst: max(f.config.MaxAddresses, oplog.DefaultLimit.Burst), Every: 10 * time.Millisecond}
}

// prepare adds to t what the flags say of probes, and checks it.
func (f *watchFlags) prepare(t watch.Target, config *tls.Config) (watch.Target, error) {
	if err := f.family.check(t.Dial.Address); err != nil {
		return t, err
	}
	if t.Dial.Network == "tls" {
		t.Dial.TLS = config
	}
	var err error
	if t.Dial.Socket, t.Dial.Source, err = f.socket.options(f.source, t.Dial.Network); err != nil {
		return t, err
	}
	return t, f.config.CheckTarget(t)
}

// watched is what to watch: the targets on the command line, and those in a file.
type watched struct {
	named  []watch.Target
	listed []watch.Target
	file   watch.File // without a path if there is none
}

// targets returns the targets of args and of --targets. All of them must be valid.
func (f *watchFlags) targets(args []string) (*watched, error) {
	if len(args) == 0 && f.file == "" {
		return nil, usage.New("watch needs a URL, or --targets", "e.g. echod watch tcp://localhost:8080")
	}
	var found watched
	var networks []string
	for _, url := range args {
		t, err := watch.Parse(url)
		if err != nil {
			return nil, err
		}
		found.named, networks = append(found.named, t), append(networks, t.Dial.Network)
	}
	if f.file != "" {
		networks = append(networks, "tls") // may be in the file, now or later
	}
	config, err := f.tls.config(networks...)
	if err != nil {
		return nil, err
	}
	prepare := func(t watch.Target) (watch.Target, error) { return f.prepare(t, config) }
	for i, t := range found.named {
		if found.named[i], err = prepare(t); err != nil {
			return nil, err
		}
	}
	if f.file == "" {
		return &found, nil
	}
	found.file = watch.File{Path: f.file, Prepare: prepare}
	if found.listed, err = found.file.Open(); err != nil {
		return nil, fileError(err)
	}
	return &found, nil
}

// all returns the targets at the start.
func (w *watched) all() []watch.Target { return slices.Concat(w.named, w.listed) }

// targetsInterval is how often the file is checked. A change is loaded when two checks in
// a row see the same file.
const targetsInterval = 5 * time.Second

// changes sends the targets when the file has changed and on SIGHUP, until ctx ends.
// Without a file, SIGHUP has no effect: a service manager sends it to reload, and it must
// not end the watch.
func (w *watched) changes(ctx context.Context, log *slog.Logger) <-chan watch.List {
	lists, hangups := make(chan watch.List), make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	if w.file.Path == "" {
		go ignoreHangups(ctx, hangups, log)
		return lists
	}
	go w.file.Follow(ctx, targetsInterval, hangups, func(listed []watch.Target, err error) {
		select {
		case lists <- watch.List{Targets: slices.Concat(w.named, listed), Err: err}:
		case <-ctx.Done():
		}
	})
	return lists
}

func ignoreHangups(ctx context.Context, hangups <-chan os.Signal, log *slog.Logger) {
	for {
		select {
		case <-hangups:
			log.Info("nothing to reload", slog.String("why", "there is no --targets file"))
		case <-ctx.Done():
			return
		}
	}
}
