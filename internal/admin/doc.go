// Package admin is the HTTP server beside a service: metrics, health, a page to
// look at. It is another door than the service's own, with its own limits, and
// nothing that comes through it can slow the service down or change it.
package admin
