// Package certs makes the throw-away certificates of echod cert, by crypto/x509
// alone.
package certs
