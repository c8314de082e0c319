package programs

import "echod/lab/matrix/lab"

// The program replaces three modules with its makers' own and excludes one, as
// its go.mod says. The last release of which every module can still be had.
var traefik = lab.Program{
	Name: "traefik",
	Source: lab.GoModule{
		Path:    "github.com/traefik/traefik/v3",
		Version: "v3.6.12",
		Build:   map[string]string{"traefik": "github.com/traefik/traefik/v3/cmd/traefik"},
		Rules: `
replace (
	github.com/abbot/go-http-auth => github.com/containous/go-http-auth v0.4.1-0.20200324110947-a37a7636d23e
	github.com/gorilla/mux => github.com/containous/mux v0.0.0-20250523120546-41b6ec3aed59
	github.com/mailgun/minheap => github.com/containous/minheap v0.0.0-20190809180810-6e71eb837595
)

exclude github.com/tencentcloud/tencentcloud-sdk-go v3.0.83+incompatible
`,
	},
	Setups: []lab.Setup{
		{Name: "default", Plan: traefikPlan("", ""), Remarks: []lab.Remark{
			{Rule: "stream/half-close", Class: "premature-eof", Text: "After one side's FIN the other is to have 100 ms more, says the documentation of terminationDelay. It has none, so even a reply that is on its way is lost: a service that names no serversTransport gets one in which the delay is zero (serverTransportTCP in pkg/provider/traefik/internal.go takes over two of the three durations)."},
		}},
		{Name: "terminationDelay: 100ms", Mends: "a delay that is not what is documented", Plan: traefikDelay("100ms"), Remarks: []lab.Remark{
			{Rule: "stream/half-close", Text: "The documented default, written out, is not the default: now the reply arrives."},
			{Rule: "stream/half-close-late", Class: "premature-eof", Text: "But a server that thinks for longer than a tenth of a second is cut off, and the client sees a clean end."},
		}},
		{Name: "terminationDelay: -1", Mends: "half-close", Plan: traefikDelay("-1"), Remarks: []lab.Remark{
			{Rule: "stream/half-close-late", Text: "A negative delay mends all four rules about the end of one direction."},
		}},
	},
}

// traefikDelay names a serversTransport that has this delay.
func traefikDelay(delay string) func(lab.Place) lab.Plan {
	return traefikPlan(", serversTransport: patient", "  serversTransports:\n    patient: {terminationDelay: "+delay+"}\n")
}

func traefikPlan(option, transports string) func(lab.Place) lab.Plan {
	return func(at lab.Place) lab.Plan {
		static := "global: {checkNewVersion: false}\nproviders: {file: {filename: routes.yml}}\nentryPoints:\n" +
			each(at.Hops, "  hop%[3]d: {address: \"127.0.0.1:%[1]d\"}\n")
		routes := "tcp:\n  routers:\n" +
			each(at.Hops, "    hop%[3]d: {entryPoints: [hop%[3]d], rule: \"HostSNI(`*`)\", service: hop%[3]d}\n") +
			"  services:\n" +
			each(at.Hops, "    hop%[3]d: {loadBalancer: {servers: [{address: \"127.0.0.1:%[2]d\"}]"+option+"}}\n") +
			transports
		return lab.Plan{
			Files:    []lab.File{{Name: "traefik.yml", Text: static}, {Name: "routes.yml", Text: routes}},
			Commands: []lab.Command{command("traefik --configFile=traefik.yml")},
		}
	}
}
