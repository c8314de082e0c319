//go:build linux

package reactor

// none ends a list.
const none int32 = -1

// deadlines is a list of connections in the order of their deadlines. All on one
// list are given the same time, so whoever is put at the end is due last, and
// looking for the overdue means looking at the head. The links are in the
// connections: a list allocates nothing.
type deadlines struct {
	table      *table
	head, tail int32
}

func newDeadlines(t *table) deadlines { return deadlines{table: t, head: none, tail: none} }

// push puts c at the end.
func (d *deadlines) push(c *conn) {
	c.older, c.newer = d.tail, none
	if d.tail == none {
		d.head = c.fd
	} else {
		d.table.at(d.tail).newer = c.fd
	}
	d.tail = c.fd
}

// remove takes c out, wherever it stands.
func (d *deadlines) remove(c *conn) {
	if c.older == none {
		d.head = c.newer
	} else {
		d.table.at(c.older).newer = c.newer
	}
	if c.newer == none {
		d.tail = c.older
	} else {
		d.table.at(c.newer).older = c.older
	}
}

// first is the connection that is due first, nil if the list is empty.
func (d *deadlines) first() *conn {
	if d.head == none {
		return nil
	}
	return d.table.at(d.head)
}
