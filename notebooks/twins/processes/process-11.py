def fail():
    raise RuntimeError("the child has lost its way")


fails = multiprocessing.Process(target=fail)
fails.start()
fails.join()
print("exit code %s, and the father is well" % fails.exitcode)
