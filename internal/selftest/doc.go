// Package selftest puts echod's own engines through the rules that echod check
// puts to others: every engine that works here, on every network that it serves,
// in this process and on loopback.
package selftest
