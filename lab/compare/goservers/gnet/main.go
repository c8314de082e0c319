// Gnet is an echo server on github.com/panjf2000/gnet/v2, with one event loop.
//
//	gnet tcp
//	gnet udp
package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"runtime"

	"github.com/panjf2000/gnet/v2"
)

type echo struct {
	gnet.BuiltinEventEngine
	network string
}

// OnBoot prints the port that the kernel chose: gnet knows only the one that it
// was asked for, and hands out a copy of its socket.
func (e *echo) OnBoot(engine gnet.Engine) gnet.Action {
	fd, err := engine.Dup()
	if err != nil {
		log.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), e.network)
	defer file.Close()
	addr, err := bound(e.network, file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("url=%s://%s\n", e.network, addr)
	return gnet.None
}

func bound(network string, file *os.File) (net.Addr, error) {
	if network == "udp" {
		conn, err := net.FilePacketConn(file)
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		return conn.LocalAddr(), nil
	}
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	return listener.Addr(), nil
}

func (e *echo) OnTraffic(conn gnet.Conn) gnet.Action {
	data, _ := conn.Next(-1)
	conn.Write(data)
	return gnet.None
}

func main() {
	runtime.GOMAXPROCS(1)
	if len(os.Args) != 2 {
		log.Fatal("usage: gnet tcp|udp")
	}
	network := os.Args[1]
	log.Fatal(gnet.Run(&echo{network: network}, network+"://127.0.0.1:0", gnet.WithNumEventLoop(1)))
}
