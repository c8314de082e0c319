package echotest

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"slices"
	"testing"
)

const (
	// intact is how many bytes of a stream are echoed correctly before a byte is wrong.
	intact = 5000
	// intactLate is more than the socket buffers of client and server hold.
	intactLate = 40 << 20
)

// SwapsBytes swaps two bytes after 5000 bytes.
func SwapsBytes() Fault {
	return damages("swaps-bytes", "swaps two bytes after 5000 bytes", intact, func(chunk []byte, at int) ([]byte, bool) {
		for i := at; i+1 < len(chunk); i++ {
			if chunk[i] != chunk[i+1] {
				chunk[i], chunk[i+1] = chunk[i+1], chunk[i]
				return chunk, true
			}
		}
		return chunk, false
	})
}

// DropsByte drops the byte at offset 5000.
func DropsByte() Fault {
	return damages("drops-byte", "drops the byte at offset 5000", intact, func(chunk []byte, at int) ([]byte, bool) {
		return slices.Delete(chunk, at, at+1), true
	})
}

// AddsByte inserts a byte at offset 5000.
func AddsByte() Fault {
	return damages("adds-byte", "inserts a byte at offset 5000", intact, func(chunk []byte, at int) ([]byte, bool) {
		return slices.Insert(chunk, at, chunk[at]^0x55), true
	})
}

// ChangesLateByte changes the byte at offset 40 MiB.
func ChangesLateByte() Fault {
	return damages("changes-late-byte", "changes the byte at offset 40 MiB", intactLate, func(chunk []byte, at int) ([]byte, bool) {
		chunk[at] ^= 0x04
		return chunk, true
	})
}

// SendsZeros sends zeros in place of up to 4 KiB after 5000 bytes.
func SendsZeros() Fault {
	return damagesBlock("sends-zeros", "sends zeros in place of up to 4 KiB after 5000 bytes", func(before, block, after []byte) []byte {
		return slices.Concat(before, make([]byte, len(block)), after)
	})
}

// SendsBlockTwice sends up to 4 KiB twice after 5000 bytes.
func SendsBlockTwice() Fault {
	return damagesBlock("sends-block-twice", "sends up to 4 KiB twice after 5000 bytes", func(before, block, after []byte) []byte {
		return slices.Concat(before, block, block, after)
	})
}

// DropsBlock drops up to 4 KiB after 5000 bytes.
func DropsBlock() Fault {
	return damagesBlock("drops-block", "drops up to 4 KiB after 5000 bytes", func(before, block, after []byte) []byte {
		return slices.Concat(before, after)
	})
}

// SwapsBlocks sends up to 4 KiB after 5000 bytes behind what follows them.
func SwapsBlocks() Fault {
	return damagesBlock("swaps-blocks", "sends up to 4 KiB after 5000 bytes behind what follows them", func(before, block, after []byte) []byte {
		return slices.Concat(before, after, block)
	})
}

// SendsNextBlock sends bytes also in place of up to 4 KiB before them, after 5000 bytes, as a
// server does that fills a buffer again before it was sent.
func SendsNextBlock() Fault {
	return damagesBlock("sends-next-block", "sends bytes also in place of up to 4 KiB before them, after 5000 bytes", func(before, block, after []byte) []byte {
		return slices.Concat(before, after[:len(block)], after)
	})
}

// damagesBlock damages one block of each stream, of up to 4 KiB after 5000 bytes. In its chunk,
// at least as many bytes are behind it.
func damagesBlock(name, description string, damage func(before, block, after []byte) []byte) Fault {
	return damages(name, description, intact, func(chunk []byte, at int) ([]byte, bool) {
		n := min(4<<10, (len(chunk)-at)/2)
		if n < 16 {
			return chunk, false
		}
		return damage(chunk[:at], chunk[at:at+n], chunk[at+n:]), true
	})
}

// FlipsBits flips one bit in each 64 KiB, the first time after 5000 bytes.
func FlipsBits() Fault {
	return streamFault("flips-bits", "flips one bit in each 64 KiB, the first time after 5000 bytes", func(_ context.Context, c *net.TCPConn) {
		const distance = 64 << 10
		next := intact // offset in the chunk
		echo(c, func(chunk []byte) []byte {
			for ; next < len(chunk); next += distance {
				chunk[next] ^= 0x04
			}
			next -= len(chunk)
			return chunk
		})
	})
}

// ClearsHighBit clears the highest bit of each byte, as a terminal does with seven data bits.
func ClearsHighBit() Fault {
	return converts("clears-high-bit", "clears the highest bit of each byte", func(chunk []byte) []byte {
		for i := range chunk {
			chunk[i] &= 0x7f
		}
		return chunk
	})
}

// SendsCRLF sends CR LF in place of LF, as a terminal or a stream in text mode does.
func SendsCRLF() Fault {
	return converts("sends-crlf", "sends CR LF in place of LF", func(chunk []byte) []byte {
		return bytes.ReplaceAll(chunk, []byte("\n"), []byte("\r\n"))
	})
}

// SendsLF sends LF in place of CR LF, as a stream in text mode does.
func SendsLF() Fault {
	return converts("sends-lf", "sends LF in place of CR LF", func(chunk []byte) []byte {
		return bytes.ReplaceAll(chunk, []byte("\r\n"), []byte("\n"))
	})
}

// DecodesText decodes what it receives as UTF-8, and sends the text: each byte that is not
// UTF-8 becomes the replacement character.
func DecodesText() Fault {
	return converts("decodes-text", "decodes what it receives as UTF-8, and sends the text", func(chunk []byte) []byte {
		return []byte(string([]rune(string(chunk))))
	})
}

func converts(name, description string, change func(chunk []byte) []byte) Fault {
	return streamFault(name, description, func(_ context.Context, c *net.TCPConn) { echo(c, change) })
}

// DropsUrgentByte drops a byte that TCP marks as urgent, as every server does whose
// sockets are without SO_OOBINLINE.
func DropsUrgentByte() Fault {
	start := func(t testing.TB) *Server {
		return startStreamsWith(t, nil, func(_ context.Context, c *net.TCPConn) { echo(c, unchanged) })
	}
	return Fault{Name: "drops-urgent-byte", Description: "drops a byte that TCP marks as urgent", Network: "tcp", start: start}
}

// damages calls damage once for each stream: for the chunk with the byte at offset,
// which is chunk[at], and for the chunks after it until damage returns true.
func damages(name, description string, offset int, damage func(chunk []byte, at int) (damaged []byte, ok bool)) Fault {
	return streamFault(name, description, func(_ context.Context, c *net.TCPConn) {
		passed, done := 0, false
		echo(c, func(chunk []byte) []byte {
			at := max(offset-passed, 0)
			passed += len(chunk)
			if !done && at < len(chunk) {
				chunk, done = damage(chunk, at)
			}
			return chunk
		})
	})
}

// AnswersAfterFIN sends nothing before the client's FIN. It stores up to 1 MiB of a
// stream, and echoes when more comes.
func AnswersAfterFIN() Fault {
	return streamFault("answers-after-fin", "sends nothing before the client's FIN", func(_ context.Context, c *net.TCPConn) {
		stored, err := io.ReadAll(io.LimitReader(c, 1<<20))
		if err != nil {
			return
		}
		if _, err := c.Write(stored); err != nil {
			return
		}
		echo(c, unchanged)
	})
}

// WaitsForEightBytes sends nothing before it has received eight bytes or the client's
// FIN, as a server does that detects protocols.
func WaitsForEightBytes() Fault {
	return streamFault("waits-for-eight-bytes", "sends nothing before it has received eight bytes or the client's FIN",
		func(_ context.Context, c *net.TCPConn) {
			first := make([]byte, 8)
			n, _ := io.ReadFull(c, first)
			if _, err := c.Write(first[:n]); err != nil {
				return
			}
			echo(c, unchanged)
		})
}

// EchoesLines sends a line only when it has received the line end or the client's FIN, as a
// server with readline does.
func EchoesLines() Fault {
	return streamFault("echoes-lines", "sends a line only when it has received the line end or the client's FIN",
		func(_ context.Context, c *net.TCPConn) {
			lines := bufio.NewReader(c)
			for {
				line, err := lines.ReadBytes('\n')
				if _, failed := c.Write(line); err != nil || failed != nil {
					return
				}
			}
		})
}

// AnswersHTTP answers an HTTP request with an HTTP response.
func AnswersHTTP() Fault {
	return streamFault("answers-http", "answers an HTTP request with an HTTP response", func(_ context.Context, c *net.TCPConn) {
		echo(c, func(chunk []byte) []byte {
			if bytes.HasPrefix(chunk, []byte("GET ")) {
				return []byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
			}
			return chunk
		})
	})
}

// SendsBanner sends a greeting before the client has sent anything.
func SendsBanner() Fault {
	return streamFault("sends-banner", "sends a greeting before the client has sent anything", func(_ context.Context, c *net.TCPConn) {
		if _, err := c.Write([]byte("220 echo ready\r\n")); err != nil {
			return
		}
		echo(c, unchanged)
	})
}
