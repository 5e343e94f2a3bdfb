import time

count = 1
sys.stdout.flush()
if os.fork() == 0:
    count += 1
    print("child: %d" % count)
    sys.stdout.flush()
    os._exit(0)
else:
    time.sleep(0.1)
    print("father: %d" % count)
