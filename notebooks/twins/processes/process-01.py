import os
import sys

print("FatherProcess(%s) has started!" % os.getpid())
sys.stdout.flush()

pid = os.fork()
if pid == 0:
    print("SubProcess, with ID %s, FatherProcess is %s" % (os.getpid(), os.getppid()))
else:
    print("SubProcess ID is %s" % pid)
print("Finished!")

if pid == 0:
    # A cell ends its children; in a plain program each has to leave by itself
    sys.stdout.flush()
    os._exit(0)
