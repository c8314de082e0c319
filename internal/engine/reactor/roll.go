//go:build linux

package reactor

// none ends a roll.
const none int32 = -1

// roll is a list of connections in the order of their deadlines. All on one
// roll are given the same time, so whoever is put at the end is due last, and
// looking for the overdue means looking at the head. The links are in the
// connections: a roll allocates nothing.
//
// Every open connection of a loop is on exactly one of its two rolls: quiet,
// or owed.
type roll struct {
	table      *table
	head, tail int32
}

func newRoll(t *table) roll { return roll{table: t, head: none, tail: none} }

// push puts c at the end.
func (r *roll) push(c *conn) {
	c.older, c.newer = r.tail, none
	if r.tail == none {
		r.head = c.fd
	} else {
		r.table.at(r.tail).newer = c.fd
	}
	r.tail = c.fd
}

// remove takes c out, wherever it stands.
func (r *roll) remove(c *conn) {
	if c.older == none {
		r.head = c.newer
	} else {
		r.table.at(c.older).newer = c.newer
	}
	if c.newer == none {
		r.tail = c.older
	} else {
		r.table.at(c.newer).older = c.older
	}
}

// first is the connection that is due first, nil if the roll is empty.
func (r *roll) first() *conn {
	if r.head == none {
		return nil
	}
	return r.table.at(r.head)
}
