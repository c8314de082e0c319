package packaging

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"testing"
)

var labelValues = regexp.MustCompile(`^label_values\((.+), *\w+\)$`)

// dashboard is the part of Grafana's model that the tests use.
type dashboard struct {
	UID         string
	Panels      []dashboardPanel
	Annotations struct{ List []struct{ Name, Expr string } }
	Templating  struct {
		List []struct{ Name, Type, Query string }
	}
}

type dashboardPanel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ H, W, X, Y int }
	Targets                  []struct{ RefID, Expr string }
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile("grafana/echod.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// dashboardExpressions returns the expressions of the panels, the annotations and the
// variables, by their place. A variable has the form label_values(metric, label), which is
// Grafana's own language and contains one expression.
func dashboardExpressions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	d := readDashboard(t)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all[fmt.Sprintf("panel %q %s", p.Title, target.RefID)] = target.Expr
		}
	}
	for _, a := range d.Annotations.List {
		all[fmt.Sprintf("annotation %q", a.Name)] = a.Expr
	}
	for _, v := range d.Templating.List {
		if match := labelValues.FindStringSubmatch(v.Query); match != nil {
			all[fmt.Sprintf("variable %q", v.Name)] = match[1]
		} else if v.Type == "query" {
			t.Errorf("variable %s: %s is not label_values(metric, label)", v.Name, v.Query)
		}
	}
	return all
}

func TestPanelsDoNotOverlap(t *testing.T) {
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range readDashboard(t).Panels {
		if ids[p.ID] {
			t.Errorf("%s: another panel has the number %d", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s reaches beyond the 24 columns", p.Title)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other, ok := taken[cell]; ok {
					t.Fatalf("%s overlaps %s", p.Title, other)
				}
				taken[cell] = p.Title
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%s has no expression", p.Title)
		}
	}
}
