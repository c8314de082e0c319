// Package lab puts programs between echod check and an echo, one after the
// other, and keeps what check said. A program is started in a directory and on
// ports of its own, all on 127.0.0.1, and nothing of it is left when its turn is
// over.
package lab
