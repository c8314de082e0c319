package browser

import (
	"os/exec"
	"testing"
)

func TestScenariosOfAnAgentAreShown(t *testing.T) {
	t.Parallel()
	echo := serve(t)
	e := start(t, 1, "agent", "--listen", "tcp://127.0.0.1:0", "--admin", "127.0.0.1:0")
	tb := open(t, e.Admin)
	tb.wait(`document.body.innerText.includes("None yet.")`)
	check := exec.Command(binary, "check", "--rule", "stream/rst-to-server", "--agent", e.URLs[0], echo.URLs[0])
	if text, err := check.CombinedOutput(); err != nil {
		t.Fatalf("check: %v\n%s", err, text)
	}
	tb.wait(`[...document.querySelectorAll(".sessions td")].some(cell => cell.textContent.startsWith("reset"))`)
	for _, l := range looks {
		tb.turn(l)
		checkLook(tb, l)
		tb.keep("agent-" + l.name)
	}
}
