package status

import (
	"fmt"
	"google.golang.org/grpc/codes"
)

type Status struct{}

func Errorf(c codes.Code, f string, a ...any) error { return fmt.Errorf(f, a...) }
