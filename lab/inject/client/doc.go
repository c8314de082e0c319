// Package client holds clients that check every byte of what comes back, and never
// wait longer than they are told to.
package client
