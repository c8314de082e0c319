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

// natPath is an honest echo for datagrams, and an agent with its UDP port behind a
// proxy.
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
	address := startAgent(t, &agent.Server{UDP: conn, Limits: limits})
	proxy := echotest.NewBrokenProxy(t, fault, "udp://"+conn.LocalAddr().String())
	return natPath{echotest.NewUDPServer(t).URL(), "tcp://" + address, proxy.URL(), conn}
}

// detour returns the URL of a path to the agent's UDP port whose datagrams have another
// source address than connections have. Nothing comes back through it.
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

func (n natPath) run(t *testing.T, idleMax time.Duration) check.Result {
	t.Helper()
	return runRule(t, n.echo, "datagram/nat-idle", check.Options{
		Agent: n.agent, AgentUDP: n.agentUDP, Long: true, IdleMax: idleMax, Timeout: time.Second,
	})
}

// changesAnswers changes a byte of what the agent sends.
var changesAnswers = echotest.ProxyFault{Name: "changes-answers", Network: "udp", Path: echotest.Path{
	Faults: []echotest.PathFault{{Direction: echotest.ToClient, Do: echotest.ChangeByte}},
}}

func TestNATIdleFindsTheMappingTimeout(t *testing.T) {
	t.Parallel()
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
		{"longer than the agent allows", echotest.ForgetsMapping(time.Hour), time.Hour, agent.Limits{Time: 4 * time.Second},
			check.Pass, "", `^survived 3\.6s of silence, the longest that the agent allows \(its --max-time\)$`},
		{"a second", echotest.ForgetsMapping(time.Second), 2 * time.Second, agent.Limits{},
			check.Fail, check.Silent, `^the mapping was dropped after between (\d00ms|1(\.\d)?s) and (\d00ms|1(\.\d)?s) of silence$`},
		{"some of the answers are lost", echotest.DropsDatagrams(), 300 * time.Millisecond, agent.Limits{},
			check.Pass, "", `^survived 300ms of silence$`},
		{"another source", echotest.ChangesSourcePort(), 300 * time.Millisecond, agent.Limits{},
			check.Fail, check.WrongSource, `^sent to 127\.0\.0\.1:\d+, answered by 127\.0\.0\.1:\d+$`},
		{"other bytes", changesAnswers, 300 * time.Millisecond, agent.Limits{},
			check.Fail, check.Corrupt, `^byte 13 differs from the byte that was sent$`},
		{"no way back", echotest.ForgetsMapping(time.Nanosecond), 300 * time.Millisecond, agent.Limits{},
			check.Fail, check.Silent, `^the agent's datagrams do not arrive, even without a silence$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := throughNAT(t, tt.fault, tt.limits).run(t, tt.idleMax)
			wantDetail(t, got, tt.verdict, tt.class, tt.detail)
			if cut := strings.Contains(got.Cause, "drops a silent mapping"); cut != (tt.class == check.Silent) {
				t.Errorf("got the cause %q of a %s", got.Cause, got.Verdict)
			}
		})
	}
}

func TestNATIdleIsSkippedIfTheAgentCannotBeReachedOverUDP(t *testing.T) {
	t.Parallel()
	path := throughNAT(t, echotest.DropsDatagrams(), agent.Limits{})
	dead, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dead.Close() }) // receives everything and answers nothing
	for _, tt := range []struct {
		name, agent, agentUDP string
		long                  bool
		want                  string
	}{
		{"without --long", path.agent, path.agentUDP, false, `^needs --long$`},
		{"no agent", "", "", true, `^needs --agent$`},
		{"no UDP", "tcp://" + startAgent(t, &agent.Server{}), "", true, `^the agent is older: it does not know the scenario datagram-late$`},
		{"UDP does not arrive", path.agent, "udp://" + dead.LocalAddr().String(), true,
			`^no datagram reaches the agent at udp://127\.0\.0\.1:\d+: let the path forward UDP to the agent, too, or pass its port with --agent-udp$`},
		{"UDP comes from another address", path.agent, path.detour(t), true,
			`^the agent does not answer there: the datagram came from 127\.0\.0\.2, the connection from 127\.0\.0\.1$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := runRule(t, path.echo, "datagram/nat-idle", check.Options{
				Agent: tt.agent, AgentUDP: tt.agentUDP, Long: tt.long, IdleMax: time.Second, Timeout: 2 * time.Second,
			})
			wantDetail(t, got, check.Skip, "", tt.want)
		})
	}
}
