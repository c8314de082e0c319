// Package agent is the far end of a check: a server that acts out a scenario
// which the client names on the first line of its connection, and that tells
// afterwards, on another connection, what it saw. docs/agent.md has the
// protocol.
package agent
