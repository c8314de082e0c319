package check

// run puts one rule to the target, or to the agent behind the path.
func (p *probe) run(rule Rule) error {
	if rule.Agent && p.Agent == "" {
		return skipped("needs --agent")
	}
	return rule.run(p)
}

// checkAgent tells whether url can be an agent's. The error is a *UsageError.
func checkAgent(url string) error {
	if url == "" {
		return nil
	}
	target, err := ParseTarget(url)
	if err != nil {
		return err
	}
	if target.Network != "tcp" {
		return badURL(url, "an agent on "+target.Network, "want tcp://host:port")
	}
	return nil
}
