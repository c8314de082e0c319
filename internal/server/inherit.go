package server

import (
	"github.com/coreos/go-systemd/v22/activation"

	"echod/internal/engine"
	"echod/internal/sock"
)

// Inherited are the sockets that the service manager opened for this process
// (sd_listen_fds(3)), none if it opened none. It may be asked once: the
// environment forgets them, so that no child takes them for its own.
func Inherited() ([]engine.Listener, error) {
	var listeners []engine.Listener
	for _, file := range activation.Files(true) {
		spec, err := sock.SpecOf(file)
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, engine.Listener{Spec: spec, File: file})
	}
	return listeners, nil
}
