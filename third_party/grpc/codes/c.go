package codes

type Code uint32

const (
	InvalidArgument Code = 3
	Unimplemented   Code = 12
)
