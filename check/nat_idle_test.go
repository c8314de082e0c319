package check_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"echod/check"
	"echod/echotest"
	"echod/internal/agent"
)

// natPath is an honest echo for datagrams, and an agent whose UDP port is behind
// a proxy.
type natPath struct {
	echo, agent, agentUDP string
	udp                   *net.UDPConn // of the agent
}

func throughNAT(t *testing.T, fault echotest.ProxyFault, limits agent.Limits) natPath {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	far := farEnd(t, &agent.Server{UDP: conn, Limits: limits})
	proxy := echotest.NewBrokenProxy(t, fault, "udp://"+conn.LocalAddr().String())
	return natPath{echotest.NewUDPServer(t).URL(), "tcp://" + far, proxy.URL(), conn}
}

// detour leads to the agent from another address than connections do. Nothing
// comes back by it.
func (n natPath) detour(t *testing.T) string {
	t.Helper()
	front, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}, n.udp.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			length, _, err := front.ReadFrom(buf)
			if err != nil {
				return
			}
			back.Write(buf[:length])
		}
	}()
	t.Cleanup(func() {
		front.Close()
		<-done
		back.Close()
	})
	return "udp://" + front.LocalAddr().String()
}

func (n natPath) ask(t *testing.T, idleMax time.Duration) check.Result {
	t.Helper()
	return ask(t, n.echo, "datagram/nat-idle", check.Options{
		Agent: n.agent, AgentUDP: n.agentUDP, Long: true, IdleMax: idleMax, Timeout: time.Second,
	})
}

func TestNATIdleTellsTheLifetime(t *testing.T) {
	for _, tt := range []struct {
		name    string
		fault   echotest.ProxyFault
		idleMax time.Duration
		limits  agent.Limits
		verdict check.Verdict
		class   check.Class
		detail  string
	}{
		{"none", echotest.ForgetsMapping(time.Hour), 300 * time.Millisecond, agent.Limits{},
			check.Pass, "", `^survived 300ms of silence$`},
		{"longer than the agent allows", echotest.ForgetsMapping(time.Hour), time.Hour, agent.Limits{Time: 2 * time.Second},
			check.Pass, "", `^survived 1\.8s of silence, the longest that the agent allows \(its --max-time\)$`},
		{"a second", echotest.ForgetsMapping(time.Second), 2 * time.Second, agent.Limits{},
			check.Fail, check.Silent, `^the mapping was forgotten after between (\d00ms|1s) and (\d00ms|1(\.\d)?s) of silence$`},
		{"some of the answers are lost", echotest.DropsDatagrams(), 300 * time.Millisecond, agent.Limits{},
			check.Pass, "", `^survived 300ms of silence$`},
		{"another source", echotest.ChangesSourcePort(), 300 * time.Millisecond, agent.Limits{},
			check.Pass, "", `^survived 300ms of silence$`},
		{"no way back", echotest.ForgetsMapping(time.Nanosecond), 300 * time.Millisecond, agent.Limits{},
			check.Fail, check.Silent, `^the agent's datagrams do not come, not even at once$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := throughNAT(t, tt.fault, tt.limits).ask(t, tt.idleMax)
			wantDetail(t, got, tt.verdict, tt.class, tt.detail)
			if cut := strings.Contains(got.Cause, "NAT"); cut != (tt.verdict == check.Fail) {
				t.Errorf("got the cause %q of a %s", got.Cause, got.Verdict)
			}
		})
	}
}

// TestNATIdleNeedsTheAgentsUDPPort: what cannot be asked is no failure.
func TestNATIdleNeedsTheAgentsUDPPort(t *testing.T) {
	path := throughNAT(t, echotest.DropsDatagrams(), agent.Limits{})
	dead, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dead.Close() }) // takes everything in and says nothing
	for _, tt := range []struct {
		name, agent, agentUDP string
		long                  bool
		want                  string
	}{
		{"not asked for", path.agent, path.agentUDP, false, `^needs --long$`},
		{"no agent", "", "", true, `^needs --agent$`},
		{"no UDP", "tcp://" + farEnd(t, &agent.Server{}), "", true, `^the agent is older: it does not know the scenario datagram-late$`},
		{"UDP does not get there", path.agent, "udp://" + dead.LocalAddr().String(), true,
			`^no datagram reaches the agent at udp://127\.0\.0\.1:\d+: let the path forward UDP to the agent, too, or name its port by --agent-udp$`},
		{"UDP takes another way", path.agent, path.detour(t), true,
			`^the agent does not answer there: the datagram came from 127\.0\.0\.2, the connection from 127\.0\.0\.1$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ask(t, path.echo, "datagram/nat-idle", check.Options{
				Agent: tt.agent, AgentUDP: tt.agentUDP, Long: tt.long, IdleMax: time.Second, Timeout: 2 * time.Second,
			})
			wantDetail(t, got, check.Skip, "", tt.want)
		})
	}
}
