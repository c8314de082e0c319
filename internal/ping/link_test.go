package ping

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWatchTellsPartsApart(t *testing.T) {
	tests := []struct {
		name, network string
		do            func(*watch)
		want          Phases
	}{
		{"all", "tls", func(w *watch) {
			time.Sleep(time.Second)
			w.asking()
			time.Sleep(2 * time.Second)
			w.resolved()
			time.Sleep(4 * time.Second)
			w.made()
			time.Sleep(8 * time.Second)
		}, Phases{DNS: 2 * time.Second, Connect: 5 * time.Second, TLS: 8 * time.Second}},
		{"no name, no handshake", "tcp", func(w *watch) {
			time.Sleep(time.Second)
			w.made()
			time.Sleep(time.Second)
		}, Phases{Connect: time.Second}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := watch{began: time.Now()}
				tt.do(&w)
				if diff := cmp.Diff(tt.want, w.phases(tt.network)); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			})
		})
	}
}
