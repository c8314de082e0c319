// Package packaging holds no code: its tests keep what is beside it true. What is
// asked of Prometheus must parse, by Prometheus's own parser, and ask for metrics
// that echod has; what is said to open in docs/operations.md must be there.
package packaging
