// Package browser tests the live page of a running echod in a real browser: a
// headless Chromium, driven by its own protocol. It is a module of its own, so
// that nothing here is a dependency of echod.
package browser
