package cli

import (
	"echod/check"
	"echod/internal/agent"
	"echod/internal/endpoint"
)

// agentURL is where a far-end agent is.
type agentURL struct{ url *string }

func (v agentURL) Type() string { return "URL" }

func (v agentURL) String() string {
	if v.url == nil {
		return ""
	}
	return *v.url
}

func (v agentURL) Set(text string) error {
	target, err := check.ParseTarget(text)
	if err != nil {
		return err
	}
	if target.Network != "tcp" {
		return endpoint.BadURL(text, "an agent speaks tcp", "want tcp://host:port")
	}
	*v.url = text
	return nil
}

// agentUDP is where a far-end agent's datagrams are.
type agentUDP struct{ url *string }

func (v agentUDP) Type() string { return "URL" }

func (v agentUDP) String() string {
	if v.url == nil {
		return ""
	}
	return *v.url
}

func (v agentUDP) Set(text string) error {
	target, err := check.ParseTarget(text)
	if err != nil {
		return err
	}
	if target.Network != "udp" {
		return endpoint.BadURL(text, "not udp", "want udp://host:port")
	}
	*v.url = text
	return nil
}

// token is what an agent asks its clients for. Its text is never shown.
type token struct{ text *string }

func (v token) Type() string { return "token" }

func (v token) String() string {
	if v.text == nil || *v.text == "" {
		return ""
	}
	return agent.NewSecret(*v.text).String()
}

func (v token) Set(text string) error {
	if err := agent.ValidToken(text); err != nil {
		return err
	}
	*v.text = text
	return nil
}
