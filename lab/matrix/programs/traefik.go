package programs

import "echod/lab/matrix/lab"

// Rules are the directives in its go.mod. This is the last version of which all dependencies
// are still available.
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
			{Rule: "stream/half-close", Class: "premature-eof", Text: "According to the documentation of terminationDelay, one side may send for 100 ms after the FIN of the other. In fact the delay is zero, so even an answer that is already being sent is lost: a service without a serversTransport gets one in which the delay is not set (serverTransportTCP in pkg/provider/traefik/internal.go copies two of the three durations)."},
		}},
		{Name: "terminationDelay: 100ms", Fixes: "a delay that differs from the documentation", Plan: traefikDelay("100ms"), Remarks: []lab.Remark{
			{Rule: "stream/half-close", Text: "The documented default is not the real default: if it is set explicitly, the answer arrives."},
			{Rule: "stream/half-close-late", Class: "premature-eof", Text: "If the server answers more than 100 ms later, the answer is lost, and the client receives a FIN."},
		}},
		{Name: "terminationDelay: -1", Fixes: "half-close", Plan: traefikDelay("-1"), Remarks: []lab.Remark{
			{Rule: "stream/half-close-late", Text: "A negative delay fixes all four rules about half-closed connections."},
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
