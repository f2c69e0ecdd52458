package config

// AccessLog says for how long who read what is remembered.
type AccessLog struct {
	// KeepYears is at least 5, which NEN 7513 asks for. Default: 5.
	KeepYears int
}

const (
	leastLogYears = 5
	mostLogYears  = 100
)

func (v value) accessLog() AccessLog {
	s := v.section()
	defer s.end()
	return AccessLog{KeepYears: s.key("keep_years").whole(leastLogYears, leastLogYears, mostLogYears)}
}
