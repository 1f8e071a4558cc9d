#include "tests/bench/test_functions.h"

#include <algorithm>
#include <stdexcept>

namespace sobolev::bench {
namespace {

char InputName(Index i) { return static_cast<char>('a' + i); }

// A narrow hill on a plane.
std::string Bump(Index n, const char* width) {
  std::string square;
  std::string sum;
  for (Index i = 0; i < n; ++i) {
    const std::string x(1, InputName(i));
    square.append(i > 0 ? " + (" : "(").append(x).append(i % 2 == 0 ? " - 0.35)^2" : " - 0.65)^2");
    sum.append(i > 0 ? " + " : "").append(x);
  }
  return "output y = exp(-(" + square + ") / (2 * " + width + "^2)) + 0.2 * (" + sum + ")";
}

std::vector<TestFunction> TwoInputs() {
  return {
      {"bump2n", 2, Bump(2, "0.025")},
      {"bump2n_h", 2,
       "output y = exp(-((a - 0.72)^2 + (b - 0.19)^2) / (2 * 0.025^2)) + 0.2 * (a + b)"},
      {"bump2", 2, Bump(2, "0.06")},
      {"bump2_h", 2,
       "output y = exp(-(0.8*(a - 0.62) + 0.6*(b - 0.27))^2 / (2 * 0.05^2)"
       " - (0.8*(b - 0.27) - 0.6*(a - 0.62))^2 / (2 * 0.08^2)) + 0.2 * (a + b)"},
      {"circle2", 2, "output y = tanh(20 * (a^2 + b^2 - 0.5))"},
      {"circle2_h", 2, "output y = tanh(20 * ((a - 1)^2 + b^2 - 0.6))"},
      {"sines2", 2, "output y = sin(4*a) + sin(4*b + 1) + cos(1.5*a) * cos(1.5*b)"},
      {"tanh2", 2, "output y = tanh(20 * (a + 0.5*b - 0.75) / sqrt(1.25))"},
      {"step2", 2, "output y = 0.3 * sin(4 * a) + b + 0.5 * (a + b - 1) / abs(a + b - 1)"},
      {"franke2", 2,
       "output y = 0.75 * exp(-((9*a - 2)^2 + (9*b - 2)^2) / 4)"
       " + 0.75 * exp(-(9*a + 1)^2 / 49 - (9*b + 1) / 10)"
       " + 0.5 * exp(-((9*a - 7)^2 + (9*b - 3)^2) / 4)"
       " - 0.2 * exp(-(9*a - 4)^2 - (9*b - 7)^2)"},
      {"camel2",
       2,
       "output y = (4 - 2.1*a^2 + a^4/3) * a^2 + a*b + (4*b^2 - 4) * b^2",
       {-3, -2},
       {3, 2}},
      {"branin2",
       2,
       "output y = (b - 5.1 / (4*pi^2) * a^2 + 5/pi*a - 6)^2 + 10 * (1 - 1/(8*pi)) * cos(a) + 10",
       {-5, 0},
       {10, 15}},
      {"rosenbrock2", 2, "output y = 100 * (b - a^2)^2 + (1 - a)^2", {-2, -2}, {2, 2}},
      {"rastrigin2", 2,
       "output y = (10*a - 5)^2 - 10*cos(2*pi*(10*a - 5)) + (10*b - 5)^2 - 10*cos(2*pi*(10*b - "
       "5))"},
      {"decades2", 2, "output y = exp(6 * a) * exp(b)", {-1, 0}, {1, 1}},
      {"root2", 2, "output y = sqrt(a) * exp(b)", {1e-6, 0}, {400, 1}},
  };
}

std::vector<TestFunction> ThreeAndFourInputs() {
  return {
      {"bump3", 3, Bump(3, "0.08")},
      {"bump3_h", 3,
       "output y = exp(-((a - 0.7)^2 + (b - 0.6)^2 + (c - 0.25)^2) / (2 * 0.08^2))"
       " + 0.2 * (a + b + c)"},
      {"bump4", 4, Bump(4, "0.1")},
      {"corner4", 4,
       "output y = (1 + 0.37058122501456325*a + 0.6881772553526073*b + 0.10437785998306236*c"
       " + 0.6868636596497673*d)^(-5)"},
      {"corner4_h", 4, "output y = (1 + 0.52*a + 0.33*b + 0.71*c + 0.29*d)^(-5)"},
      {"quad4", 4, "output y = a + 4/3*b + 5/3*c + 2*d + 0.5 * (a^2 + b^2 + c^2 + d^2) + 0.3*a*d"},
      {"tanh4", 4, "output y = tanh(10 * (a + 0.5*b - 0.3*c + 0.2*d - 0.7))"},
      {"sines4", 4,
       "output y = sin(4*a) + sin(4*b + 1) + sin(4*c + 2) + sin(4*d + 3)"
       " + cos(1.5*a) * cos(1.5*b) * cos(1.5*c) * cos(1.5*d)"},
      {"osc4", 4,
       "output y = cos(2 * pi * 0.31183145201048545 + 1.8028275811519294*a"
       " + 3.347889350364036*b + 0.5077841837013845*c + 3.341498884782651*d)"},
      {"osc4_h", 4, "output y = cos(2 * pi * 0.74 + 2.6*a + 1.2*b + 3.1*c + 2.1*d)"},
  };
}

std::vector<TestFunction> ManyInputs() {
  return {
      {"bump6", 6, Bump(6, "0.2")},
      {"gauss6", 6,
       "output y = exp(-2 * ((a - 0.3)^2 + (b - 0.6)^2 + (c - 0.4)^2 + (d - 0.7)^2 + (e - 0.5)^2"
       " + (f - 0.2)^2))"},
      {"linear6", 6, "output y = a + 2*b - 3*c + d - e + 0.5*f"},
      {"otl6",
       6,
       "let g = f * (e + 9)\n"
       "output y = (12 * b / (a + b) + 0.74) * g / (g + c) + 11.35 * c / (g + c)"
       " + 0.74 * c * g / ((g + c) * d)",
       {50, 25, 0.5, 1.2, 0.25, 50},
       {150, 70, 3, 2.5, 1.2, 300}},
      {"sines8", 8,
       "output y = sin(2*a) + sin(2*b + 1) + sin(2*c + 2) + sin(2*d + 3) + sin(2*e + 4)"
       " + sin(2*f + 5) + sin(2*g + 6) + a*b*c*d + e*f*g*h"},
      {"borehole8",
       8,
       "let lg = log(b / a)\n"
       "output y = 2 * pi * c * (d - f) / (lg * (1 + 2*g*c / (lg * a^2 * h) + c/e))",
       {0.05, 100, 63070, 990, 63.1, 700, 1120, 9855},
       {0.15, 50000, 115600, 1110, 116, 820, 1680, 12045}},
      {"robot8",
       8,
       "let u = e*cos(a*6) + f*cos(6*(a+b)) + g*cos(6*(a+b+c)) + h*cos(6*(a+b+c+d))\n"
       "let v = e*sin(a*6) + f*sin(6*(a+b)) + g*sin(6*(a+b+c)) + h*sin(6*(a+b+c+d))\n"
       "output y = sqrt(u^2 + v^2 + 0.01)",
       {0, 0, 0, 0, 0, 0, 0, 0},
       {0.5, 0.5, 0.5, 0.5, 1, 1, 1, 1}},
      {"rosenbrock10", 10,
       "output y = 100*((b - a^2)^2 + (c - b^2)^2 + (d - c^2)^2 + (e - d^2)^2 + (f - e^2)^2"
       " + (g - f^2)^2 + (h - g^2)^2 + (i - h^2)^2 + (j - i^2)^2) + (1 - a)^2 + (1 - b)^2"
       " + (1 - c)^2 + (1 - d)^2 + (1 - e)^2 + (1 - f)^2 + (1 - g)^2 + (1 - h)^2 + (1 - i)^2",
       std::vector<double>(10, -2), std::vector<double>(10, 2)},
      {"wing10",
       10,
       "output y = 0.036 * a^0.758 * b^0.0035 * (c / cos(d)^2)^0.6 * e^0.006 * f^0.04"
       " * (100 * g / cos(d))^(-0.3) * (h*i)^0.49 + a*j",
       {150, 220, 6, -0.17453292519943295, 16, 0.5, 0.08, 2.5, 1700, 0.025},
       {200, 300, 10, 0.17453292519943295, 45, 1, 0.18, 6, 2500, 0.08}},
      {"waves10", 10,
       "output y = sin(3*a) * cos(2*b) + sin(4*c) + cos(3*d + e) + f*g + sin(3*h) * i + j^3"},
      {"ripples10", 10,
       "output y = sin(6*a) * cos(5*b) + sin(7*c) + cos(6*d + e) + f*g + sin(5*h) * i + j^3"},
  };
}

}  // namespace

TestFunction FindTestFunction(const std::string& name) {
  for (const auto& family : {TwoInputs(), ThreeAndFourInputs(), ManyInputs()}) {
    const auto found = std::ranges::find(family, name, &TestFunction::name);
    if (found != family.end()) return *found;
  }
  throw std::out_of_range("no test function " + name);
}

std::string ProgramText(Index n, const std::string& rest) {
  std::string text;
  for (Index i = 0; i < n; ++i) text.append("input ").append(1, InputName(i)).append("\n");
  return text.append(rest);
}

}  // namespace sobolev::bench
