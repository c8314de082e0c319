package programs

import (
	"strings"

	"echod/lab/matrix/lab"
)

var caddy = lab.Program{
	Name: "caddy-l4",
	Source: lab.GoModule{
		Path:    "github.com/mholt/caddy-l4",
		Version: "v0.1.0",
		Command: "caddy",
		Main: `package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/mholt/caddy-l4/layer4"
	_ "github.com/mholt/caddy-l4/modules/l4proxy"
)

func main() { caddycmd.Main() }
`,
	},
	Setups: []lab.Setup{{Name: "default", Plan: caddyPlan, Remarks: []lab.Remark{
		{Rule: "stream/half-close-late", Text: "Both directions end independently. Only resets become FINs."},
	}}},
}

func caddyPlan(at lab.Place) lab.Plan {
	servers := each(at.Hops, `    "hop%[3]d": {
      "listen": ["127.0.0.1:%[1]d"],
      "routes": [{"handle": [{"handler": "proxy", "upstreams": [{"dial": ["127.0.0.1:%[2]d"]}]}]}]
    },
`)
	config := `{
  "admin": {"disabled": true},
  "apps": {"layer4": {"servers": {
` + strings.TrimSuffix(servers, ",\n") + `
  }}}
}
`
	return lab.Plan{
		Files:    []lab.File{{Name: "caddy.json", Text: config}},
		Commands: []lab.Command{command("caddy run --config caddy.json")},
	}
}
