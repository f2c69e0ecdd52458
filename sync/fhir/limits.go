package fhir

// Limits bounds what a source can make this program hold in memory (I12). A
// zero field stands for its default.
type Limits struct {
	Response int64 // bytes of one answer, unpacked; default 64 MiB
	Entry    int   // bytes of one resource; default 4 MiB
	Depth    int   // how deep a resource may nest; default 64
	Text     int   // characters of one text; default 1,048,576
	Raw      int   // bytes kept of a quarantined resource; default 256 KiB
}

func (l Limits) withDefaults() Limits {
	set := func(have *int, otherwise int) {
		if *have <= 0 {
			*have = otherwise
		}
	}
	if l.Response <= 0 {
		l.Response = 64 << 20
	}
	set(&l.Entry, 4<<20)
	set(&l.Depth, 64)
	set(&l.Text, 1<<20)
	set(&l.Raw, 256<<10)
	return l
}
