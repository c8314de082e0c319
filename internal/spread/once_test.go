package spread

import (
	"errors"
	"net"
	"testing"

	"echod/internal/agent"
	"echod/internal/dial"
)

// TestWorkerForOneLoadEndsAfterIt: a coordinator that it refuses is not the one.
func TestWorkerForOneLoadEndsAfterIt(t *testing.T) {
	t.Parallel()
	token := agent.NewSecret("open-sesame")
	for name, tt := range map[string]struct {
		coordinator func(t *testing.T, target dial.Target)
		want        error
	}{
		"a load": {func(t *testing.T, target dial.Target) {
			c := coordinate(target)
			c.Token = token
			if _, err := c.Run(t.Context(), messages(t, "tcp://127.0.0.1:7", 1, 1), nil); err != nil {
				t.Error(err)
			}
		}, nil},
		"none": {func(t *testing.T, target dial.Target) {
			conn, err := target.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			l := newLines(conn, testTimeout)
			if err := l.write(request{Hello: &hello{Protocol: Protocol, Token: "open-sesame", Run: "x"}}, maxLine); err != nil {
				t.Fatal(err)
			}
			if r, err := read[reply](l, maxLine); err != nil || r.Hello == nil {
				t.Fatalf("got %+v, %v", r, err)
			}
		}, errNoLoad},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			w := &Worker{Token: token, Once: true, Echod: "test", silence: testTimeout, carry: (&samples{}).carry}
			ended := make(chan error, 1)
			go func() { ended <- w.Serve(t.Context(), ln) }()
			target := tcp(ln.Addr().String())
			if _, err := coordinate(target).Run(t.Context(), messages(t, "tcp://127.0.0.1:7", 1, 1), nil); err == nil {
				t.Error("a coordinator without the token has a result")
			}
			tt.coordinator(t, target)
			if err := <-ended; !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}
