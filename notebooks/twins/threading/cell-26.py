import multiprocessing
import os


class Child(multiprocessing.Process):
    def __init__(self, count):
        super().__init__()
        self.count = count

    def run(self):
        for n in range(self.count):
            print("SubProcess(%s), FatherProcess(%s); %d" % (os.getpid(), os.getppid(), n))


if __name__ == "__main__":
    for n in range(10):
        print("FatherProcess(%s) : %d" % (os.getpid(), n))
        if n == 5:
            first = Child(10)
            first.start()
            second = Child(10)
            second.start()
            second.join()
    print("Task finished")
