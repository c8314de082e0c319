// Evio is an echo server on github.com/tidwall/evio, with one loop.
//
//	evio tcp
//	evio udp
package main

import (
	"fmt"
	"log"
	"os"
	"runtime"

	"github.com/tidwall/evio"
)

func main() {
	runtime.GOMAXPROCS(1)
	if len(os.Args) != 2 {
		log.Fatal("usage: evio tcp|udp")
	}
	network := os.Args[1]
	events := evio.Events{
		NumLoops: 1,
		Serving: func(server evio.Server) evio.Action {
			fmt.Printf("url=%s://%s\n", network, server.Addrs[0])
			return evio.None
		},
		Data: func(_ evio.Conn, in []byte) ([]byte, evio.Action) { return in, evio.None },
	}
	log.Fatal(evio.Serve(events, network+"://127.0.0.1:0"))
}
