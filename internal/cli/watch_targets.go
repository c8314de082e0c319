package cli

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"echod/internal/usage"
	"echod/internal/watch"
)

// watched is what is to be watched: what the command line names, which stays, and
// what is listed in a file.
type watched struct {
	named  []watch.Target
	listed []watch.Target
	file   watch.File // without a path if there is none
}

// targets are those of args and those of --targets, all of which must be good.
func (f *watchFlags) targets(args []string) (*watched, error) {
	if len(args) == 0 && f.file == "" {
		return nil, usage.New("watch needs a URL, or --targets", "as in: echod watch tcp://localhost:8080")
	}
	var all watched
	var networks []string
	for _, url := range args {
		t, err := watch.Parse(url)
		if err != nil {
			return nil, err
		}
		all.named, networks = append(all.named, t), append(networks, t.Dial.Network)
	}
	if f.file != "" {
		networks = append(networks, "tls") // such may be in the file, or come
	}
	config, err := f.tls.config(networks...)
	if err != nil {
		return nil, err
	}
	prepare := func(t watch.Target) (watch.Target, error) { return f.prepare(t, config) }
	for i, t := range all.named {
		if all.named[i], err = prepare(t); err != nil {
			return nil, err
		}
	}
	if f.file == "" {
		return &all, nil
	}
	all.file = watch.File{Path: f.file, Prepare: prepare, Log: f.config.Log}
	if all.listed, err = all.file.Open(); err != nil {
		return nil, fileError(err)
	}
	return &all, nil
}

// first is what is watched at first.
func (w *watched) first() []watch.Target { return slices.Concat(w.named, w.listed) }

// targetsLook is how often the file is looked at. What has changed is taken at the
// second look.
const targetsLook = 5 * time.Second

// changes sends what is to be watched each time the file has changed or SIGHUP
// comes, until ctx ends. Without a file, SIGHUP does nothing: the manager that
// sends it to say "reload" must not end the watch by it.
func (w *watched) changes(ctx context.Context, log *slog.Logger) <-chan []watch.Target {
	lists, hangups := make(chan []watch.Target), make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	if w.file.Path == "" {
		go ignoreHangups(ctx, hangups, log)
		return lists
	}
	go w.file.Follow(ctx, targetsLook, hangups, func(listed []watch.Target) {
		select {
		case lists <- slices.Concat(w.named, listed):
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
